"""Local learning: a forward pass cut between blocks, output errors, and the update as a scalar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.networks.block import Block

Loss = Literal["cross_entropy", "bce", "mse"]


def one_hot(y: Tensor, like: Tensor) -> Tensor:
    """Targets ``[N, classes]`` in the dtype and device of ``like`` (vmap-safe)."""
    return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device).index_select(0, y)


def task_loss(logits: Tensor, y: Tensor, loss: Loss = "cross_entropy") -> Tensor:
    """Task loss J, summed over the outputs and averaged over the batch.

    Args:
        logits: network outputs before any output nonlinearity, ``[N, classes]``.
        y: labels, ``[N]``, integers.
        loss: ``cross_entropy`` (softmax outputs), ``bce`` (sigmoid outputs, binary cross-entropy)
            or ``mse`` (linear outputs, 1/2 squared error).
    """
    if loss == "cross_entropy":
        return F.cross_entropy(logits, y)
    target = one_hot(y, logits)
    if loss == "bce":
        return F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(y)
    return 0.5 * (logits - target).square().sum() / len(y)


def prediction(logits: Tensor, loss: Loss = "cross_entropy") -> Tensor:
    """Outputs of the network: softmax, sigmoid or linear ones, as the loss wants; no graph."""
    logits = logits.detach()
    if loss == "cross_entropy":
        return logits.softmax(-1)
    return logits.sigmoid() if loss == "bce" else logits


def output_error(logits: Tensor, y: Tensor, loss: Loss = "cross_entropy") -> Tensor:
    """Output error e = dJ/dlogits of every sample, ``[N, classes]`` (not divided by N).

    Softmax, sigmoid and linear outputs with their matching losses all give e = prediction - target.
    """
    p = prediction(logits, loss)
    return p - one_hot(y, p)


def forward_cut(blocks: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """Activities h_1 .. h_L of a chain of blocks; no gradient crosses from a block to the next.

    The values are those of the plain forward pass. Each h_k depends, for autograd, on the
    parameters of block k alone.
    """
    activities = []
    for block in blocks:
        x = block(x.detach())
        activities.append(x)
    return activities


def local_update(signals: Iterable[Tensor], activities: Iterable[Tensor]) -> Tensor:
    """The scalar sum_k <delta_k, h_k> / N, whose gradient is the batch-averaged local update.

    With delta_k held constant, its gradient with respect to the weights of block k is
    ``delta_k^T dh_k/dW_k``: for ``h = f(W x)`` that is ``(delta * f'(Wx)) x^T``.
    """
    activities = list(activities)
    terms = [
        torch.dot(*flat(h, delta.detach().to(h.dtype)))
        for delta, h in zip(signals, activities, strict=True)
    ]
    return sum(terms[1:], terms[0]) / len(activities[0])


def flat(h: Tensor, *others: Tensor) -> list[Tensor]:
    """Tensors of one shape as vectors, all in the order in which ``h`` lies in memory."""
    if h.dim() == 4 and h.is_contiguous(memory_format=torch.channels_last):
        return [t.permute(0, 2, 3, 1).reshape(-1) for t in (h, *others)]
    return [t.reshape(-1) for t in (h, *others)]


def forward_cut_unpooled(blocks: Iterable[nn.Module], x: Tensor) -> tuple[list[Tensor], Tensor]:
    """Like :func:`forward_cut`, with hidden activities as they are before a block's pooling.

    Returns:
        The hidden activities h_1 .. h_K (unpooled) and the logits.
    """
    *hidden, output = blocks
    activities = []
    for block in hidden:
        x = x.detach()
        if isinstance(block, Block):
            activities.append(block.activate(block.affine(x)))
            x = block.subsample(activities[-1])
        else:
            x = block(x)
            activities.append(x)
    return activities, output(x.detach())
