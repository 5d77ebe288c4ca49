"""Incremental predictive coding (Salvatori et al. 2024; Pinchetti et al. 2024)."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.predicted import Predicted
from benchmark.credit.predictive import energy, slopes
from benchmark.networks import Network
from benchmark.traits import Traits


class IPC(Predicted):
    """Incremental predictive coding: states and weights descend one energy in turn, T times.

        T times    h_l <- h_l - lr_h dF/dh_l,   from the feed-forward pass
                   theta_l <- theta_l - lr dF/dtheta_l           (Salvatori et al. 2024)

    F is the energy of pc, where the weights wait until the states have relaxed. With one step this
    is pc. The pull on the output is that of the feed-forward pass, and F is divided by it as in pc.
    ``at_once`` takes both slopes at the same states, as the code of Pinchetti et al. 2024 does; its
    first update, with all hidden states at their predictions, is that of the output alone.
    Measurements are of the sum of a step's updates, with the weights held.
    """

    traits = Traits(
        "predictive coding", "Salvatori et al.", 2024,
        teacher="above", transport="weights", second_pass=True, settling=True,
        same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        order: Literal["states_first", "at_once"] = "states_first",
        **predicted: Any,
    ) -> None:
        """
        Args:
            order: the weights' slope is taken at the states after their step, or before it.
        """
        super().__init__(net, **predicted)
        self.order = order

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        credits = list(self.credits(x, y))
        return Credit(torch.stack([c.objective for c in credits]).sum(), credits[-1].logits)

    def credits(self, x: Tensor, y: Tensor) -> Iterator[Credit]:
        h, logits = self.feedforward(x)
        cost = self.pull(logits, y, self.beta)
        slope = partial(slopes, self.net.blocks, x, cost)
        v = [torch.zeros_like(h_l) for h_l in h]
        for _ in range(self.steps):
            with torch.no_grad():
                moved, v = self.moved(h, v, slope(h))
            at = moved if self.order == "states_first" else h
            F = energy(self.net.blocks, x, cost, at)
            yield Credit(F / (self.beta * len(x)), logits)
            h = moved
