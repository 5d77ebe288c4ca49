"""Weight mirroring of an input feedback F = B_L .. B_1, one factor for each layer's weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from benchmark.networks.block import Block
from benchmark.options import Count, CountOrZero, NotNegative, Positive, options


@options
class Mirror:
    """When and how a feedback projection learns the transpose of the forward weights.

    Attributes:
        before: noise batches before the first training step.
        every: steps between two mirroring phases during training; 0 for none.
        batches: noise batches of each phase during training.
        lr: learning rate of B.
        weight_decay: of B.
        noise: standard deviation of the noise.
    """

    before: CountOrZero = 0
    every: CountOrZero = 0
    batches: Count = 1
    lr: Positive = 0.1
    weight_decay: NotNegative = 0.5
    noise: Positive = 0.1

    def due(self, epoch: int, step: int) -> int:
        """Noise batches to present before the training step number ``step`` of ``epoch``."""
        if epoch == step == 0:
            return self.before
        return self.batches if self.every and step % self.every == 0 else 0


def product(factors: Sequence[Tensor]) -> Tensor:
    """F = B_L .. B_1, ``[classes, inputs]``, from factors in the shapes of W_1 .. W_L."""
    return reduce(lambda F, B: B @ F, factors)


@torch.no_grad()
def mirror_(
    factors: Sequence[Tensor],
    blocks: Sequence[Block],
    options: Mirror,
    samples: int,
    generator: torch.Generator,
) -> None:
    """One noise batch: every layer answers noise, and its factor follows the correlation.

        B_k <- (1 - lr decay) B_k + lr h_k x^T / N,   x ~ noise N(0, 1),   h_k = f(W_k x)

    whose mean over the noise is proportional to W_k (Akrout et al. 2019, eq. 7).
    """
    for B, block in zip(factors, blocks, strict=True):
        x = torch.randn(
            samples, B.shape[1], generator=generator, device=B.device, dtype=B.dtype
        ).mul_(options.noise)
        x -= x.mean()
        h = block.activation(block.synapse(x))
        B.mul_(1 - options.lr * options.weight_decay).addmm_(h.t(), x, alpha=options.lr / samples)


@torch.no_grad()
def rescale_(factors: Sequence[Tensor], std: float) -> Tensor:
    """Scale every factor alike so that F has entries of standard deviation ``std``; returns F."""
    ratio = (std / product(factors).std()) ** (1 / len(factors))
    for B in factors:
        B *= ratio
    return product(factors)
