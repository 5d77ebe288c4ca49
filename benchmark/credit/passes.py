"""The forward passes of PEPITA and its relatives: a standard, a modulated and a tangent pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd import Function

from benchmark.networks.block import Block

Normalize = Literal["none", "batch", "sample"]


class Pass(NamedTuple):
    """What a forward pass leaves behind.

    Attributes:
        a: preactivations of the hidden blocks; each depends, for autograd, on its own weights only.
        h: activities of the hidden blocks (before pooling), without a graph.
        logits: ``[N, classes]``, with a graph to the output weights only.
    """

    a: list[Tensor]
    h: list[Tensor]
    logits: Tensor


def normalized(h: Tensor, how: Normalize) -> Tensor:
    """Activities divided by their Euclidean norm, of each sample or of the whole batch.

    ``batch`` is the Frobenius norm of the activity matrix: it depends on the batch, but in a
    network of ReLUs without biases it only scales the logits.
    """
    if how == "none":
        return h
    norm = h.norm() if how == "batch" else h.flatten(1).norm(dim=1).view(-1, *[1] * (h.dim() - 1))
    return h / norm.clamp_min(1e-8)


def activity(block: Block, a: Tensor, normalize: Normalize = "none") -> Tensor:
    """h = f(a), with dropout and normalization, before pooling."""
    return normalized(block.activate(a), normalize)


class _Known(Function):
    """a = W x + b whose value is known already: only the gradients of W and b are computed."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, W, bias, a):  # type: ignore[override]
        return a.view_as(a)

    @staticmethod
    def setup_context(ctx, inputs, output):  # type: ignore[override]
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, delta):  # type: ignore[override]
        (x,) = ctx.saved_tensors
        _, need_W, need_bias, _ = ctx.needs_input_grad
        return (
            None,
            delta.t() @ x.to(delta.dtype) if need_W else None,
            delta.sum(0) if need_bias else None,
            None,
        )


def forward_pass(
    blocks: Iterable[Block], x: Tensor, normalize: Normalize = "none", a_1: Tensor | None = None
) -> Pass:
    """All activities for the input ``x``, the graph cut at every synapse's input.

    Args:
        blocks: of the network, the output last.
        x: input, ``[N, ...]``.
        normalize: of the hidden activities.
        a_1: the first preactivation of a fully connected first block, where it is known already.
    """
    *hidden, output = blocks
    a: list[Tensor] = []
    h: list[Tensor] = []
    for block in hidden:
        if a_1 is not None and not a:
            synapse: Any = block.synapse
            a.append(_Known.apply(x.flatten(1), synapse.weight, synapse.bias, a_1))
        else:
            a.append(block.affine(x))
        with torch.no_grad():
            h.append(activity(block, a[-1], normalize))
            x = block.subsample(h[-1])
    return Pass(a, h, output(x))


def scores(blocks: Iterable[Block], x: Tensor, normalize: Normalize = "none") -> Tensor:
    """The logits ``[N, classes]`` alone, with the whole graph."""
    *hidden, output = blocks
    for block in hidden:
        x = block.subsample(activity(block, block.affine(x), normalize))
    return output(x)


def reads_all_linearly(block: Block) -> bool:
    """Whether the block's preactivation is W x + b, of all its input, with one matrix W."""
    return block.input_dropout is None and isinstance(block.synapse, nn.Linear)


def linear_part(block: Block, t: Tensor) -> Tensor:
    """W t, for a block whose preactivation is a = W x + b."""
    a, bias = block.affine(t), block.synapse.bias
    return a - bias.view(-1, *[1] * (a.dim() - 2)) if isinstance(bias, Tensor) else a


def pushed(block: Block, a: Tensor, delta: Tensor) -> Tensor:
    """f'(a) * delta at the output of the block whose preactivation is ``a``: pooled as h is."""
    above: Any = torch.func.jvp(
        lambda a: block.subsample(block.activate(a)), (a.detach(),), (delta,)
    )
    return above[1]


def projected_response(block: Block, F: Tensor, e: Tensor, x: Tensor) -> Tensor:
    """W F e, for the projection ``F`` ``[classes, inputs]`` of ``e`` onto the block's input ``x``.

    Where W is one matrix and the batch exceeds the classes, (W F) e is the cheaper.
    """
    if reads_all_linearly(block) and len(e) > e.shape[1]:
        synapse: Any = block.synapse
        return e @ (F @ synapse.weight.t())
    return linear_part(block, (e @ F).view_as(x))


@torch.no_grad()
def tangents(
    blocks: Iterable[Block], a: Sequence[Tensor], a_dot: Tensor, normalize: Normalize = "none"
) -> list[Tensor]:
    """How hidden activities h_k change when the first preactivation moves, to first order.

        t_k = f'(a_k) * (W_k t_{k-1}),   t_1 = f'(a_1) * a_dot

    Args:
        blocks: of the network, the output last.
        a: preactivations of the hidden blocks in the pass around which to move.
        a_dot: direction of a_1, in its shape.
    """
    *hidden, _ = blocks
    jvp: Any = torch.func.jvp
    h_dot: list[Tensor] = []
    t = torch.empty(0)  # direction of the input of every block but the first
    for block, a_k in zip(hidden, a, strict=True):
        a_dot = linear_part(block, t) if h_dot else a_dot
        h, dot = jvp(partial(activity, block, normalize=normalize), (a_k,), (a_dot,))
        h_dot.append(dot)
        t = jvp(block.subsample, (h,), (dot,))[1]
    return h_dot


def per_position(delta: Tensor, published: bool = False) -> Tensor:
    """Signals ``[N, units]`` or ``[N, C, H, W]`` such that a convolution's update is a mean.

    Args:
        delta: signals of a layer; convolutional ones are divided by the number of positions.
        published: divide convolutional ones by N as well.
    """
    if delta.dim() == 2:
        return delta
    return delta / (delta[0, 0].numel() * (len(delta) if published else 1))
