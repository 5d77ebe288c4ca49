"""Contrastive Hebbian learning (Movellan 1991), in the frame of equilibrium propagation."""

from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.settled import Settled
from benchmark.credit.settling import one_hot_targets, settle
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.options import Count
from benchmark.traits import Traits


class CHL(Settled):
    """Contrastive Hebbian learning: a free phase, and a phase with the outputs clamped to y.

        Delta theta = lr (dPhi/dtheta(s^clamped) - dPhi/dtheta(s^free))     (Movellan 1991, eq. 13)

    It is beta times ep's one-sided update as beta grows without bound. There is no task loss: the
    outputs are a layer of the dynamics, clamped to the one-hot label; ``loss`` is only reported.
    """

    traits = Traits(
        "settling", "Movellan", 1991,
        teacher="above", transport="weights", second_pass=True, networks="settles", same_steps=True,
    )  # fmt: skip

    def __init__(self, net: Network, *, clamped_steps: Count = 20, **settled: Any) -> None:
        """
        Args:
            clamped_steps: steps of the clamped phase, from the free phase's end.
        """
        super().__init__(net, **settled)
        if clamped_steps < 1:
            raise UserError("clamped_steps must be at least 1")
        self.clamped_steps = clamped_steps
        self.place_output(outside=False)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        phi = self.phi(x)
        with torch.no_grad():
            free = settle(phi, self.start(x), self.free_steps)
            self.keep(free)
            target = one_hot_targets(y, self.classes, free[-1])
            below, force = phi.clamped(target)
            clamped = [*settle(below, free[:-1], self.clamped_steps, force), target]
        return Credit((phi(free) - phi(clamped)) / len(x), free[-1])
