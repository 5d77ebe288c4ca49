"""Forward passes with noise on preactivations, and what they tell of the loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmark.credit.losses import Loss, one_hot
from benchmark.networks import Block


def sample_losses(logits: Tensor, y: Tensor, loss: Loss) -> Tensor:
    """The task loss of each sample, ``[N]``."""
    if loss == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, y, reduction="none")
    target = one_hot(y, logits)
    if loss == "bce":
        bce = torch.nn.functional.binary_cross_entropy_with_logits
        return bce(logits, target, reduction="none").sum(1)
    return 0.5 * (logits - target).square().sum(1)


def affine_cut(blocks: Sequence[Block], x: Tensor) -> list[Tensor]:
    """Preactivations a_1 .. a_L; each depends, for autograd, on its own block's weights only."""
    a = []
    for block in blocks:
        a.append(block.affine(x.detach()))
        with torch.no_grad():
            x = block.subsample(block.activate(a[-1]))
    return a


def perturbed(blocks: Sequence[Block], x: Tensor, noise: Sequence[Tensor]) -> Tensor:
    """Logits of a pass whose preactivations a_k are a_k + noise_k."""
    for block, noise_k in zip(blocks, noise, strict=True):
        x = block.subsample(block.activate(block.affine(x) + noise_k))
    return x
