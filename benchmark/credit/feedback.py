"""Asymmetric synapses: forward through W, backward through B.

For a synapse y = op(x, W) the error travels back as B^T delta instead of W^T delta, while W still
receives its local update delta x^T. In one line of plain torch (:func:`asymmetric`):

    y = op(x.detach(), W) + (op(x, B) - op(x, B).detach())

The autograd functions below do the same without the extra forward product.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.grad import conv2d_weight

from benchmark.errors import UserError
from benchmark.networks.local import LocallyConnected2d

Op = Callable[[Tensor, Tensor, Tensor | None], Tensor]
Draw = Callable[[int, Tensor], Tensor]


def asymmetric(op: Op, x: Tensor, W: Tensor, B: Tensor, bias: Tensor | None = None) -> Tensor:
    """Reference form of an asymmetric synapse, for any ``op`` linear in x and in its weights.

    If B requires a gradient it receives exactly W's (Kolen-Pollack).
    """
    feedback = op(x, B, None)
    return op(x.detach(), W, bias) + (feedback - feedback.detach())


class _AsymmetricLinear(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, W, B, bias):  # type: ignore[override]
        return F.linear(x, W, bias)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, _, B, _ = inputs
        ctx.save_for_backward(x, B)

    @staticmethod
    def backward(ctx, delta):  # type: ignore[override]
        x, B = ctx.saved_tensors
        need_x, need_W, need_B, need_bias = ctx.needs_input_grad
        flat = delta.flatten(0, -2)
        dW = flat.t() @ x.flatten(0, -2).to(delta.dtype) if need_W or need_B else None
        return (
            delta @ B.to(delta.dtype) if need_x else None,
            dW if need_W else None,
            dW if need_B else None,
            flat.sum(0) if need_bias else None,
        )


class _AsymmetricConv2d(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, W, B, bias, stride, padding, dilation, groups):  # type: ignore[override]
        return F.conv2d(x, W, bias, stride, padding, dilation, groups)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, _, B, _, *ctx.geometry = inputs
        ctx.save_for_backward(x, B)

    @staticmethod
    def backward(ctx, delta):  # type: ignore[override]
        x, B = ctx.saved_tensors
        need_x, need_W, need_B, need_bias = ctx.needs_input_grad[:4]
        stride, padding, dilation, groups = ctx.geometry
        dx, dW, dbias = torch.ops.aten.convolution_backward(
            delta, x.to(delta.dtype), B.to(delta.dtype), [B.shape[0]],
            stride, padding, dilation, False, [0, 0], groups,
            [need_x, need_W or need_B, need_bias],
        )  # fmt: skip
        return dx, dW if need_W else None, dW if need_B else None, dbias, None, None, None, None


class Synapse(nn.Module):
    """A layer with weights W (``weight``) whose error returns through ``B``, in W's shape.

    Attributes:
        B: feedback weights; a buffer, or a parameter if they are learned.
        shares_update: whether B receives W's update (Kolen-Pollack).
        is_symmetric: whether the error returns through W after all: see ``true_gradient``.
        observed: whether a forward pass leaves ``seen``, if an error will come back through B.
        seen: the last input x and the response W x without bias, both detached.
        in_shape: shape of one input, once :func:`carriers` has found that errors come back.
    """

    weight: Tensor
    bias: Any
    B: Tensor
    shares_update = False
    is_symmetric = False
    observed = False
    seen: tuple[Tensor, Tensor] | None = None
    in_shape: tuple[int, ...] = ()

    def forward(self, x: Tensor) -> Tensor:
        if self.is_symmetric:
            return self.transmit(x, self.weight.detach())
        y = self.transmit(x, self.B if self.shares_update else self.B.detach())
        if self.observed and x.requires_grad:
            response = y.detach() if self.bias is None else y.detach() - self.shaped_bias()
            self.seen = x.detach(), response
        return y

    def transmit(self, x: Tensor, B: Tensor) -> Tensor:
        """W x + bias, sending the error back through B."""
        raise NotImplementedError

    def op(self, x: Tensor, W: Tensor) -> Tensor:
        """The synapse's linear map with weights ``W``, without bias."""
        raise NotImplementedError

    def adjoint(self, y: Tensor, B: Tensor) -> Tensor:
        """B^T y: responses back to inputs. Needs ``in_shape`` unless the synapse is linear."""
        raise NotImplementedError

    def correlation(self, x: Tensor, y: Tensor) -> Tensor:
        """y x^T in W's shape, averaged over samples and over the positions that share weights."""
        raise NotImplementedError

    def samples(self, y: Tensor) -> int:
        """Number of responses in ``y`` to each weight: samples times positions."""
        return y.numel() // len(self.weight)

    def shaped_bias(self) -> Tensor:
        return self.bias.detach()


class FeedbackLinear(Synapse, nn.Linear):  # type: ignore[misc]
    """``nn.Linear`` whose error returns through B."""

    def transmit(self, x: Tensor, B: Tensor) -> Tensor:
        return _AsymmetricLinear.apply(x, self.weight, B, self.bias)

    def op(self, x: Tensor, W: Tensor) -> Tensor:
        return F.linear(x, W)

    def adjoint(self, y: Tensor, B: Tensor) -> Tensor:
        return y @ B

    def correlation(self, x: Tensor, y: Tensor) -> Tensor:
        return y.flatten(0, -2).t() @ x.flatten(0, -2) / self.samples(y)


class FeedbackConv2d(Synapse, nn.Conv2d):  # type: ignore[misc]
    """``nn.Conv2d`` whose error returns through B."""

    @property
    def geometry(self) -> tuple:
        return self.stride, self.padding, self.dilation, self.groups

    def transmit(self, x: Tensor, B: Tensor) -> Tensor:
        return _AsymmetricConv2d.apply(x, self.weight, B, self.bias, *self.geometry)

    def op(self, x: Tensor, W: Tensor) -> Tensor:
        return F.conv2d(x, W, None, *self.geometry)

    def adjoint(self, y: Tensor, B: Tensor) -> Tensor:
        stride, padding, dilation, groups = self.geometry
        covered = [
            (o - 1) * s - 2 * p + d * (k - 1) + 1
            for o, s, p, d, k in zip(
                y.shape[-2:], stride, padding, dilation, B.shape[-2:], strict=True
            )
        ]
        rest = [n - c for n, c in zip(self.in_shape[-2:], covered, strict=True)]
        return F.conv_transpose2d(y, B, None, stride, padding, rest, groups, dilation)

    def correlation(self, x: Tensor, y: Tensor) -> Tensor:
        total = conv2d_weight(x, list(self.weight.shape), y, *self.geometry)
        return total / self.samples(y)

    def shaped_bias(self) -> Tensor:
        return super().shaped_bias()[:, None, None]


class FeedbackLocal(Synapse, LocallyConnected2d):  # type: ignore[misc]
    """``LocallyConnected2d`` whose error returns through B."""

    def transmit(self, x: Tensor, B: Tensor) -> Tensor:
        return asymmetric(self.local_op, x, self.weight, B, self.bias)

    def op(self, x: Tensor, W: Tensor) -> Tensor:
        return self.local_op(x, W, None)

    def adjoint(self, y: Tensor, B: Tensor) -> Tensor:
        patches = torch.einsum("nol,lok->nkl", y.flatten(2), B)
        size = self.in_shape[-2:]
        return F.fold(patches, size, self.kernel_size, 1, self.padding, self.stride)

    def correlation(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.einsum("nol,nkl->lok", y.flatten(2), self.patches(x)) / len(y)

    def samples(self, y: Tensor) -> int:
        return len(y)

    def shaped_bias(self) -> Tensor:
        return self.bias_map(super().shaped_bias())


_ASYMMETRIC: dict[type[nn.Module], type[Synapse]] = {
    nn.Linear: FeedbackLinear,
    nn.Conv2d: FeedbackConv2d,
    LocallyConnected2d: FeedbackLocal,
}


def convert(net: nn.Module, draw: Draw) -> nn.Module:
    """A copy of ``net`` whose synapses send the error back through B instead of W.

    Args:
        net: any module; its linear, convolutional and locally connected layers are replaced,
            nothing else. The forward pass stays bit-equal.
        draw: ``draw(k, W) -> B`` gives the feedback weights of the k-th synapse, in W's shape.

    Raises:
        UserError: for a convolution with non-zero padding mode or string padding.
    """
    net = copy.deepcopy(net)
    synapses = [m for m in net.modules() if type(m) in _ASYMMETRIC]
    for k, synapse in enumerate(synapses):
        if isinstance(synapse, nn.Conv2d) and (
            synapse.padding_mode != "zeros" or isinstance(synapse.padding, str)
        ):
            raise UserError(f"cannot convert {synapse}: only explicit zero padding")
        synapse.__class__ = _ASYMMETRIC[type(synapse)]
        synapse.register_buffer("B", draw(k, synapse.get_parameter("weight").detach()))
    return net


@torch.enable_grad()
def carriers(net: nn.Module, x: Tensor) -> list[Synapse]:
    """The synapses of a converted net through which errors come back, in order of the modules.

    Those that read the input send nothing back: their B is idle. Found by a forward pass of ``x``
    ``[N, ...]`` in evaluation mode.
    """
    training = net.training
    synapses = [m for m in net.modules() if isinstance(m, Synapse)]
    for synapse in synapses:
        synapse.observed = True
    net.eval()(x)
    net.train(training)
    found = []
    for synapse in synapses:
        if synapse.seen is not None:
            synapse.in_shape = tuple(synapse.seen[0].shape[1:])
            found.append(synapse)
        synapse.observed, synapse.seen = False, None
    return found


def learn(synapse: Synapse, shares_update: bool = False) -> None:
    """Make B a parameter; with ``shares_update`` the backward pass gives it W's update."""
    B = synapse.B
    del synapse.B
    synapse.B = nn.Parameter(B)
    synapse.shares_update = shares_update
