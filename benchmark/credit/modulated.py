"""The forward passes of PEPITA and its relatives: a standard, a modulated and a tangent pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

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


def forward_pass(blocks: Iterable[Block], x: Tensor, normalize: Normalize = "none") -> Pass:
    """All activities for the input ``x``, the graph cut at every synapse's input."""
    *hidden, output = blocks
    a, h = [], []
    for block in hidden:
        a.append(block.affine(x))
        with torch.no_grad():
            h.append(activity(block, a[-1], normalize))
            x = block.subsample(h[-1])
    return Pass(a, h, output(x))


def linear_part(block: Block, t: Tensor) -> Tensor:
    """W t, for a block whose preactivation is a = W x + b."""
    a, bias = block.affine(t), block.synapse.bias
    return a - bias.view(-1, *[1] * (a.dim() - 2)) if isinstance(bias, Tensor) else a


@torch.no_grad()
def tangents(
    blocks: Iterable[Block], a: Sequence[Tensor], t: Tensor, normalize: Normalize = "none"
) -> list[Tensor]:
    """How hidden activities h_k change when the input moves along ``t``, to first order.

        t_k = f'(a_k) * (W_k t_{k-1}),   t_0 = t

    Args:
        blocks: of the network, the output last.
        a: preactivations of the hidden blocks in the pass around which to move.
        t: direction, in the shape of the input.
    """
    *hidden, _ = blocks
    jvp: Any = torch.func.jvp
    h_dot = []
    for block, a_k in zip(hidden, a, strict=True):
        a_dot = linear_part(block, t)
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
