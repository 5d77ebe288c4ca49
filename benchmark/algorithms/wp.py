"""Weight perturbation (Jabri & Flower 1992)."""

from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from benchmark.algorithm import Credit
from benchmark.algorithms.families.decorrelated import Decorrelated
from benchmark.credit.losses import task_loss
from benchmark.networks import Network
from benchmark.options import Count, Positive
from benchmark.traits import Traits


class WP(Decorrelated):
    """Weight perturbation: all weights shaken at once, and one number for the whole batch.

        Delta W = -lr (J(W + sigma Psi) - J(W)) / sigma Psi,   Psi ~ N(0, I)

    (Jabri & Flower 1992, in parallel). As sigma -> 0 its mean over Psi is the gradient, with a
    variance that grows with the number of weights, and not of units as np's.
    """

    traits = Traits(
        "perturbation", "Jabri & Flower", 1992,
        teacher="above", second_pass=True, noise=True, same_steps=True,
    )  # fmt: skip

    def __init__(
        self, net: Network, *, sigma: Positive = 0.001, draws: Count = 1, **base: Any
    ) -> None:
        """
        Args:
            sigma: size of the noise.
            draws: perturbations a step, whose estimates are averaged.
        """
        super().__init__(net, **base)
        self.sigma, self.draws = sigma, draws

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        W = {name: w for name, w in self.net.named_parameters() if w.requires_grad}
        update = {name: torch.zeros_like(w) for name, w in W.items()}
        with torch.no_grad():
            logits = self.net(x)
            J = task_loss(logits, y, self.loss)
            for _ in range(self.draws):
                Psi = {
                    name: torch.empty_like(w).normal_(generator=self.noise) for name, w in W.items()
                }
                moved = {name: w + self.sigma * Psi[name] for name, w in W.items()}
                J_moved = task_loss(functional_call(self.net, moved, (x,)), y, self.loss)
                for name, psi in Psi.items():
                    update[name].add_((J_moved - J) / (self.sigma * self.draws) * psi)
        objective = torch.stack([(update[name] * w).sum() for name, w in W.items()]).sum()
        return Credit(objective, logits, self.read(x))
