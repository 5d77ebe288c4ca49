"""Batchwise random-magnitude sign-concordant feedback (Liao, Leibo & Poggio 2016)."""

from dataclasses import replace
from typing import Any

from benchmark.algorithms.frsf import FRSF
from benchmark.networks import Network
from benchmark.streams import stream


class BRSF(FRSF):
    """Sign symmetry with magnitudes redrawn at every step.

        B = M * sign(W),   M ~ U(0, b) anew for each batch   (Liao et al. 2016, brSF)

    b gives M the root mean square of feedback alignment's random draw.
    """

    traits = replace(FRSF.traits, same_steps=False)

    def __init__(self, net: Network, **fa: Any) -> None:
        super().__init__(net, **fa)
        self.bounds = [float((3 * s.B.square().mean()).sqrt()) for s in self.carriers]

    def renew_magnitudes(self) -> None:
        step = (self.current_epoch, self._step)  # the same on every process
        generator = stream(self.seed, "feedback", *step, device=self.device)
        for synapse, b in zip(self.carriers, self.bounds, strict=True):
            synapse.B.uniform_(0, b, generator=generator)
