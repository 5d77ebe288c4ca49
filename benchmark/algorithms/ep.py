"""Equilibrium propagation (Scellier & Bengio 2017; Laborieux et al. 2021)."""

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.settled import Settled
from benchmark.credit.settling import Phi, States, one_hot_targets, settle
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.options import Count
from benchmark.traits import Traits


class EP(Settled):
    """Equilibrium propagation: compare two states, settled under two nudgings of the output.

        s_k <- sigma(dPhi/ds_k - beta dl/ds_k)      free phase: beta = 0
        Delta theta = lr (dPhi_beta/dtheta(s^beta1) - dPhi_beta/dtheta(s^beta2)) / (beta1 - beta2)

    with Phi_beta = Phi - beta l (Laborieux et al. 2021, eq. 9 and 12). The pairs are (beta, 0)
    one-sided, (+-beta, 0) with a random sign for each batch, and (beta, -beta) symmetric: three
    phases, whose error in the gradient is O(beta^2) instead of O(beta). The squared error is
    1/2 ||y - s_L||^2.
    """

    traits = Traits(
        "settling", "Scellier & Bengio", 2017,
        teacher="above", transport="weights", second_pass=True, networks="settles", same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        beta: float = 0.5,
        nudging: Literal["one_sided", "random_sign", "symmetric"] = "symmetric",
        nudged_steps: Count = 8,
        **settled: Any,
    ) -> None:
        """
        Args:
            beta: strength of the nudging.
            nudging: the pair of nudgings that is compared.
            nudged_steps: steps of each nudged phase, from the free phase's end.
        """
        super().__init__(net, **settled)
        if beta == 0 or nudged_steps < 1:
            raise UserError("nudging needs a beta other than 0 and nudged_steps of at least 1")
        self.beta, self.nudging, self.nudged_steps = beta, nudging, nudged_steps
        self.traits = replace(self.traits, noise=nudging == "random_sign")

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        phi = self.phi(x)
        beta1, beta2 = self.betas()
        with torch.no_grad():
            free = settle(phi, self.start(x), self.free_steps)
            self.keep(free)
            s1 = self.nudged(phi, free, y, beta1)
            s2 = free if self.nudging != "symmetric" else self.nudged(phi, free, y, beta2)
        gain = self.contrast(phi, free, s1, s2)
        if self.output.readout is not None:
            gain = gain - beta1 * self.output.cost(s1[-1], y) + beta2 * self.output.cost(s2[-1], y)
        return Credit(-gain / ((beta1 - beta2) * len(x)), self.output.scores(free[-1]))

    def betas(self) -> tuple[float | Tensor, float | Tensor]:
        """The two nudgings of this step."""
        if self.nudging == "symmetric":
            return self.beta, -self.beta
        if self.nudging == "one_sided":
            return self.beta, 0.0
        coin = torch.randint(2, (), generator=self.noise, device=self.noise.device)
        return self.beta * (2 * coin - 1).double(), 0.0

    def nudged(self, phi: Phi, free: States, y: Tensor, beta: float | Tensor) -> States:
        """The states after a nudged phase that begins at ``free``."""
        target = one_hot_targets(y, self.classes, free[-1])
        return settle(phi, free, self.nudged_steps, self.output.nudge(target, beta))

    def contrast(self, phi: Phi, free: States, s1: States, s2: States) -> Tensor:
        """Phi(s1) - Phi(s2), summed over the batch."""
        return phi(s1) - phi(s2)
