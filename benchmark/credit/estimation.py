"""Learning B: the loss L(W, B) = J(W) + R(B), with R a weighted sum of primitives.

For a synapse with input x and response y = W x (both held constant), Kunin, Nayebi et al. 2020:

    decay    1/2 ||B||^2          local
    amp      -<B x, y>            local
    null     1/2 ||B^T y||^2      local
    sparse   1/2 ||B x||^2        non-local
    self     -<B, W>              non-local

x and y enter as means over the batch, and over positions where a convolution shares its weights.
Here B has W's shape. The paper decays W as well; here that is the optimizer's weight decay. The
authors' code has no factors 1/2, and names the weights in another order.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from benchmark.credit.feedback import Synapse
from benchmark.options import Count, CountOrZero, Positive, options


class Primitives(NamedTuple):
    """Weights of the primitives in R."""

    decay: float = 0.0
    amp: float = 0.0
    null: float = 0.0
    sparse: float = 0.0
    self_: float = 0.0

    @property
    def need_activity(self) -> bool:
        return bool(self.amp or self.null or self.sparse)


@options
class NoisePhase:
    """When R is descended on noise, layer by layer, in steps of its own (weight mirror).

    Attributes:
        before: noise batches before the first training step.
        every: steps between noise batches during training; 0 for none.
        samples: size of a noise batch.
        sd: standard deviation of the noise.
    """

    before: CountOrZero = 0
    every: CountOrZero = 0
    samples: Count = 64
    sd: Positive = 1.0

    def due(self, epoch: int, step: int) -> int:
        """Noise batches to present before training step ``step`` of ``epoch``."""
        before = self.before if epoch == step == 0 else 0
        return before + bool(self.every and step % self.every == 0)


def regularizer(synapse: Synapse, x: Tensor, y: Tensor, weight: Primitives) -> Tensor:
    """R(B) of one synapse, without a wasted product. Terms of weight zero are left out."""
    B = synapse.B
    R = B.new_zeros(())
    if weight.decay:
        R = R + weight.decay * 0.5 * B.square().sum()
    if weight.self_:
        R = R - weight.self_ * (B * synapse.weight.detach()).sum()
    if weight.null:
        back = synapse.adjoint(y, B)
        R = R + weight.null * 0.5 * back.square().sum() / synapse.samples(y)
    if weight.sparse:
        z = synapse.op(x, B)
        R = R + (z * (weight.sparse * 0.5 * z - weight.amp * y)).sum() / synapse.samples(y)
    elif weight.amp:
        R = R - weight.amp * (B * synapse.correlation(x, y)).sum()
    return R


def symmetry(synapse: Synapse, weight: Primitives) -> Tensor:
    """The part of R(B) that needs no activities: decay and self."""
    empty = synapse.B.new_zeros(())
    return regularizer(synapse, empty, empty, weight._replace(amp=0, null=0, sparse=0))


def standardized(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """x centred over the batch and divided by its root mean square; y so that y = W x stays."""
    x, y = x - x.mean(0), y - y.mean(0)
    rms = x.square().mean().sqrt() + 1e-8
    return x / rms, y / rms


@torch.no_grad()
def mirror_noise(
    synapse: Synapse, phase: NoisePhase, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A batch of noise x and the synapse's response W x to it (Akrout et al. 2019)."""
    W = synapse.weight
    x = torch.randn(
        phase.samples, *synapse.in_shape, generator=generator, device=W.device, dtype=W.dtype
    )
    x = x.mul_(phase.sd)
    return x, synapse.op(x, W)
