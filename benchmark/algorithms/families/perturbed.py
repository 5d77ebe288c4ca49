"""What the rules that try out perturbations share: plain blocks, and draws for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithms.families.decorrelated import Decorrelated
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.options import Count


class Perturbed(Decorrelated):
    """Base of node perturbation and the forward gradient on activities."""

    def __init__(self, net: Network, *, draws: Count = 1, **base: Any) -> None:
        """
        Args:
            draws: perturbations a step, whose estimates are averaged.
        """
        super().__init__(net, **base)
        if not all(isinstance(block, Block) for block in net.blocks):
            raise UserError(
                f"{type(self).__name__.lower()} needs plain blocks (one synapse each): mlp, lenet"
            )
        self.draws = draws
        self.blocks: list[Block] = list(net.blocks)  # type: ignore[arg-type]

    def directions(self, a: Iterable[Tensor]) -> list[Tensor]:
        """Standard normal noise in the shapes of ``a``."""
        return [
            torch.empty_like(a_k, memory_format=torch.contiguous_format).normal_(
                generator=self.noise
            )
            for a_k in a
        ]
