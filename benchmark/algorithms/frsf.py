"""Fixed random-magnitude sign-concordant feedback (Liao, Leibo & Poggio 2016)."""

from typing import Any

import torch
from torch import Tensor

from benchmark.algorithms.fa import FA
from benchmark.credit.feedback import Synapse, carriers
from benchmark.networks import Network
from benchmark.traits import Traits


class FRSF(FA):
    """Sign symmetry: B has the signs of W, refreshed every step, and magnitudes of its own.

        B = M * sign(W)                                    (Liao et al. 2016, frSF)
        delta_k = (B_{k+1}^T delta_{k+1}) * f'(a_k)

    M is fixed: the absolute values of feedback alignment's random draw. sign(0) counts as +1.
    """

    traits = Traits(
        "sign symmetry", "Liao et al.", 2016,
        teacher="above", transport="signs", feedback="refreshed", backward_pass=True,
        same_steps=True,
    )  # fmt: skip

    def __init__(self, net: Network, **fa: Any) -> None:
        super().__init__(net, **fa)
        self.carriers = carriers(self.net, self.net.example())

    def draw_feedback(self, k: int, W: Tensor) -> Tensor:
        return torch.copysign(super().draw_feedback(k, W), W)

    @torch.no_grad()
    def before_step(self, x: Tensor) -> None:
        self.renew_magnitudes()
        for synapse in self.carriers:
            synapse.B.copysign_(synapse.weight)

    @torch.no_grad()
    def input_signal(self, x: Tensor, y: Tensor) -> Tensor | None:
        """As in feedback alignment, with the signs of now in the first layer's B too, which no
        error passes in training."""
        for synapse in self.net.modules():
            if isinstance(synapse, Synapse):
                synapse.B.copysign_(synapse.weight)
        return super().input_signal(x, y)

    def renew_magnitudes(self) -> None:
        """Change the magnitudes of every B in place, before a step; here they are fixed."""
