"""Fully connected synapses whose weight gradient an optimizer may take as a product, unformed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import linear


def weight_gradient(W: Tensor, delta: Tensor, x: Tensor) -> Tensor | None:
    """delta^T x, summed over the samples; None where the optimizer of W has absorbed it.

    Args:
        W: the weights; an optimizer that absorbs gradients has left its ``absorb`` on them (see
            ``benchmark.engine.momentum.MomentumSGD``).
        delta: gradient of the synapse's output, ``[..., outputs]``.
        x: the synapse's input, ``[..., inputs]``.
    """
    delta, x = delta.flatten(0, -2), x.flatten(0, -2).to(delta.dtype)
    absorb = getattr(W, "absorb", None)
    return None if absorb and absorb(delta, x) else delta.t() @ x


class _Affine(Function):
    """With ``ctx`` in forward: ``setup_context`` takes as long as a small layer at every call."""

    @staticmethod
    def forward(ctx, x, W, bias, a):  # type: ignore[override]
        ctx.save_for_backward(x, W)
        return linear(x, W, bias) if a is None else a.view_as(a)

    @staticmethod
    def backward(ctx, delta):  # type: ignore[override]
        x, W = ctx.saved_tensors
        need_x, need_W, need_bias, _ = ctx.needs_input_grad
        return (
            delta @ W.to(delta.dtype) if need_x else None,
            weight_gradient(W, delta, x) if need_W else None,
            delta.flatten(0, -2).sum(0) if need_bias else None,
            None,
        )


def affine(x: Tensor, W: Tensor, bias: Tensor | None, a: Tensor | None = None) -> Tensor:
    """a = W x + b, ``[..., outputs]``, whose gradient of W may be absorbed.

    Where the value ``a`` is known already, nothing is computed but, in time, the gradients.
    """
    return _Affine.apply(x, W, bias, a)  # type: ignore[no-any-return]


class Linear(nn.Linear):
    """``nn.Linear`` whose weight gradient the optimizer may absorb: see :func:`weight_gradient`."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and hasattr(self.weight, "absorb"):
            return affine(x, self.weight, self.bias)
        return super().forward(x)
