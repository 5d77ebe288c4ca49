"""Rules that may decorrelate what each layer reads: less of a perturbation is noise to others."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.decorrelation import Decorrelation
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.options import NotNegative


class Decorrelated(Algorithm):
    """Base of the rules that try out perturbations.

    With a ``decorrelation_lr`` each layer computes a_k = W_k R_k h_{k-1}, and R_k takes a step of
    :class:`Decorrelation` after each step of the weights (Dalm et al. 2023).
    """

    def __init__(self, net: Network, *, decorrelation_lr: NotNegative = 0.0, **base: Any) -> None:
        """
        Args:
            decorrelation_lr: step of the transforms that decorrelate what layers read; 0 for none.
        """
        super().__init__(net, **base)
        self.decorrelations: list[Decorrelation] = []
        if not decorrelation_lr:
            return
        for block in net.blocks:
            if not isinstance(block, Block) or not isinstance(block.synapse, nn.Linear):
                raise UserError("decorrelation_lr needs fully connected layers: --network mlp")
            R = Decorrelation(block.synapse.in_features, decorrelation_lr)
            block.reshape = nn.Sequential(block.reshape or nn.Identity(), R)
            self.decorrelations.append(R)

    @torch.no_grad()
    def read(self, x: Tensor) -> dict[str, Tensor]:
        """z_1 .. z_L, what the synapses read of a batch, where they are to become uncorrelated."""
        found = {}
        if self.decorrelations:
            for k, block in enumerate(self.net.blocks):
                found[f"z{k}"] = block.reshape(x)  # type: ignore[operator]
                x = block(x)
        return found

    def after_step(self, credit: Credit) -> None:
        for k, R in enumerate(self.decorrelations):
            R.update(credit.signals[f"z{k}"])
