"""Uniform sign-concordant feedback (Liao, Leibo & Poggio 2016)."""

from torch import Tensor

from benchmark.algorithms.fa import FA
from benchmark.algorithms.frsf import FRSF


class USF(FRSF):
    """Sign symmetry with one magnitude per layer: only the signs of W travel back.

        B = m sign(W)                                      (Liao et al. 2016, uSF)

    m is the root mean square of feedback alignment's random draw, so that errors keep the size
    that a random B of that scale gives them.
    """

    traits = FRSF.traits

    def draw_feedback(self, k: int, W: Tensor) -> Tensor:
        m = FA.draw_feedback(self, k, W).square().mean().sqrt()
        return m.expand_as(W).clone().copysign_(W)
