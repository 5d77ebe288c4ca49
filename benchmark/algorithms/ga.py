"""A genetic algorithm (Such et al. 2017): the best of a population, mutated."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.population import Population
from benchmark.credit.perturbation import Perturbations, part
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.options import Count, Range
from benchmark.traits import Traits


class GA(Population):
    """Truncation selection with elitism and mutation (Such et al. 2017, algorithm 1):

        theta_i = theta_p + sigma eps_i,   p uniform among the parents,   eps_i ~ N(0, 1)

    The fittest of the elites, unchanged, and their children become the next parents; the fittest
    of all is the network. With crossover a child takes each weight from one parent or another.

    Parents are kept as offsets D_p from theta, of which the first is the network's own. The update
    is theta - theta_best, so that plain sgd with lr 1 arrives at the fittest to the last bit; with
    less, theta is a running mean of the fittest ones.
    """

    traits = Traits(
        "evolution", "Such et al.", 2017,
        teacher="error", second_pass=True, noise=True, batch=True, exchange=True, same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        population: Count = 200,
        parents: Count = 20,
        elites: Count = 1,
        crossover: Annotated[float, Range(least=0, most=1)] = 0.0,
        **base: Any,
    ) -> None:
        """
        Args:
            population: networks of a generation, the elites included.
            parents: the fittest, of which the next generation is made.
            elites: parents that stay in the population as they are.
            crossover: share of the children that have two parents.
        """
        super().__init__(net, **base)
        if not elites <= parents <= population or elites == population:
            raise UserError(
                f"{elites} elites, {parents} parents, a population of {population}: each must be "
                "at most the next, and the elites fewer than the population"
            )
        self.population, self.parents, self.elites = population, parents, elites
        self.crossover = crossover
        for k, p in enumerate(self.theta.values()):
            self.register_buffer(f"D{k}", p.new_zeros(parents, *p.shape))

    @property
    def D(self) -> dict[str, Tensor]:
        """The parents' offsets from theta, the fittest first, ``[parents, *shape]``, by name."""
        return {name: self.get_buffer(f"D{k}") for k, name in enumerate(self.theta)}

    @property
    def size(self) -> int:
        return self.population

    def propose(self, generator: torch.Generator, n: int) -> dict[str, Tensor]:
        """The elites and ``n`` less so many children."""
        children, kind = n - self.elites, {"generator": generator, "device": self.device}
        one, other = torch.randint(self.parents, (2, children), **kind)  # type: ignore[call-overload]
        if self.crossover:  # the rest has one parent twice
            has_two = torch.rand(children, **kind) < self.crossover  # type: ignore[call-overload]
            other = torch.where(has_two, other, one)
        deltas = {}
        for name, D in self.D.items():
            child = D[one]
            if self.crossover:
                first = torch.rand(child.shape, **kind) < 0.5  # type: ignore[call-overload]
                child = torch.where(first, child, D[other])
            eps = torch.randn(child.shape, dtype=D.dtype, **kind)  # type: ignore[call-overload]
            deltas[name] = torch.cat([D[: self.elites], child + self.sigma * eps])
        return deltas

    def conclude(self, deltas: Perturbations, F: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        fittest = F.argsort(descending=True, stable=True)[: self.parents]
        chosen: dict[str, Any] = part(deltas, fittest)  # tensors all
        theta = self.theta
        objective = self.descending({name: -delta[0] for name, delta in chosen.items()})
        return objective, {name: theta[name] + delta for name, delta in chosen.items()}

    @torch.no_grad()
    def after_step(self, credit: Credit) -> None:
        theta = self.theta
        for name, D in self.D.items():
            D.copy_(credit.signals[name] - theta[name])
