"""Asymmetric synapses: forward through W, backward through B.

For a synapse y = op(x, W) the error travels back as B^T delta instead of W^T delta, while W still
receives its local update delta x^T. In one line of plain torch (:func:`asymmetric`):

    y = op(x.detach(), W) + (op(x, B) - op(x, B).detach())

The autograd functions below do the same without the extra forward product.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

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
        rows = delta.flatten(0, -2)
        dW = rows.t() @ x.flatten(0, -2).to(delta.dtype) if need_W or need_B else None
        return (
            delta @ B.to(delta.dtype) if need_x else None,
            dW if need_W else None,
            dW if need_B else None,
            rows.sum(0) if need_bias else None,
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


class FeedbackLinear(nn.Linear):
    """``nn.Linear`` whose error returns through ``B`` (in W's shape, a buffer unless learned)."""

    B: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return _AsymmetricLinear.apply(x, self.weight, self.B, self.bias)


class FeedbackConv2d(nn.Conv2d):
    """``nn.Conv2d`` whose error returns through ``B`` (in W's shape, a buffer unless learned)."""

    B: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return _AsymmetricConv2d.apply(
            x, self.weight, self.B, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


def convert(net: nn.Module, draw: Draw) -> nn.Module:
    """A copy of ``net`` whose linear and convolutional synapses send the error back through B.

    Args:
        net: any module; its ``nn.Linear`` and ``nn.Conv2d`` layers are replaced, nothing else.
            The forward pass stays bit-equal.
        draw: ``draw(k, W) -> B`` gives the feedback weights of the k-th synapse, in W's shape.

    Raises:
        ValueError: for a convolution with non-zero padding mode or string padding.
    """
    net = copy.deepcopy(net)
    synapses = [m for m in net.modules() if type(m) in (nn.Linear, nn.Conv2d)]
    for k, synapse in enumerate(synapses):
        if isinstance(synapse, nn.Conv2d):
            if synapse.padding_mode != "zeros" or isinstance(synapse.padding, str):
                raise ValueError(f"cannot convert {synapse}: only explicit zero padding")
            synapse.__class__ = FeedbackConv2d
        else:
            synapse.__class__ = FeedbackLinear
        synapse.register_buffer("B", draw(k, synapse.weight.detach()))
    return net
