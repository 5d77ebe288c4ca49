"""Backpropagation through the settling dynamics: what equilibrium propagation approximates."""

from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.settled import Settled
from benchmark.credit.losses import task_loss
from benchmark.credit.settling import settle
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.options import Count
from benchmark.traits import Traits


class BPTT(Settled):
    """Backpropagation through time: the task loss of the settled output, and its true gradient.

        s_t = sigma(dPhi/ds(s_{t-1})),   Delta theta = -lr dl(s_T)/dtheta

    taken through the last ``back_steps`` steps. With K of them it is what ep computes with K nudged
    steps, as beta -> 0 and from a settled state (Ernoult et al. 2019, theorem 1).
    """

    traits = Traits(
        "settling", "Ernoult et al.", 2019,
        teacher="above", transport="weights", backward_pass=True, second_pass=True,
        networks="settles", same_steps=True,
    )  # fmt: skip

    def __init__(self, net: Network, *, back_steps: Count = 10, **settled: Any) -> None:
        """
        Args:
            back_steps: steps at the end of the free phase that the gradient goes through.
        """
        super().__init__(net, **settled)
        if not 1 <= back_steps <= self.free_steps:
            raise UserError(f"back_steps must be between 1 and free_steps = {self.free_steps}")
        self.back_steps = back_steps

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        phi = self.phi(x)
        with torch.no_grad():
            s = settle(phi, self.start(x), self.free_steps - self.back_steps)
        s = settle(phi, s, self.back_steps)
        self.keep([s_k.detach() for s_k in s])
        scores = self.output.scores(s[-1])
        return Credit(task_loss(scores, y, self.loss), scores)
