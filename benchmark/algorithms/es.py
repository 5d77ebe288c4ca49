"""Evolution strategies (Salimans et al. 2017): a gradient estimated from fitnesses alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithms.families.population import Population
from benchmark.credit.perturbation import (
    Perturbations,
    centred_ranks,
    draw_normal,
    weighted_sum,
    with_opposites,
)
from benchmark.networks import Network
from benchmark.options import Count, CountOrZero
from benchmark.traits import Traits


class ES(Population):
    """Evolution strategies with antithetic pairs (Salimans et al. 2017, algorithm 1 and sec. 2.1):

        F_i+- = -J(theta +- sigma eps_i),   eps_i ~ N(0, 1)
        Delta theta = lr 1/(2 n sigma) sum_i (u(F_i+) - u(F_i-)) eps_i

    for n pairs, with u the centred rank of a fitness among all 2 n. Any optimizer and weight decay
    apply to the estimate. With u(F) = F its mean is -dJ/dtheta up to order sigma^2, and its cosine
    with it about (n / (n + d))^(1/2) for d weights.

    With a rank, eps of a matrix is r^(-1/2) A B^T (EGGROLL, Sarkar et al. 2025), which is never
    formed: populations of thousands cost little more than one network.
    """

    traits = Traits(
        "evolution", "Salimans et al.", 2017,
        teacher="error", second_pass=True, noise=True, batch=True, exchange=True, same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        pairs: Count = 64,
        rank: CountOrZero = 0,
        shaping: Literal["ranks", "none"] = "ranks",
        **base: Any,
    ) -> None:
        """
        Args:
            pairs: of a step, n.
            rank: of the perturbations of matrices; 0 for full ones.
            shaping: u, the centred rank or the fitness itself.
        """
        super().__init__(net, **base)
        self.pairs, self.rank, self.shaping = pairs, rank, shaping
        if shaping == "none":
            self.traits = replace(self.traits, batch=False)

    @property
    def size(self) -> int:
        return 2 * self.pairs

    def propose(self, generator: torch.Generator, n: int) -> Perturbations:
        """n / 2 perturbations sigma eps, then each of them negated."""
        return with_opposites(draw_normal(self.theta, n // 2, self.sigma, generator, self.rank))

    def conclude(self, deltas: Perturbations, F: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        u = centred_ranks(F) if self.shaping == "ranks" else F
        s, theta = u / (len(F) * self.sigma**2), self.theta  # of sigma eps, one sigma is its own
        U = {k: -weighted_sum(s.to(theta[k].dtype), d, theta[k]) for k, d in deltas.items()}
        return self.descending(U), {}
