"""What es and ga share: a population of perturbed networks, and the fitness of each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import task_loss
from benchmark.credit.perturbation import Perturbations, part, perturbed
from benchmark.engine.distributed import joined, share, sum_
from benchmark.networks import Network
from benchmark.options import Count, Positive


class Population(Algorithm):
    """Base of rules that compare perturbed networks: no error returns through any of them.

    A derived class says in ``propose`` what is tried, and in ``conclude`` what follows from the
    fitnesses. A network is judged as it is at test: without dropout, by running statistics.

    Several processes join their mini-batches, draw the same perturbations, judge a share of them
    each and exchange the fitnesses.
    """

    def __init__(
        self, net: Network, *, sigma: Positive = 0.02, chunk: Count = 64, **base: Any
    ) -> None:
        """
        Args:
            sigma: standard deviation of the perturbations.
            chunk: networks judged at once; bounds the memory.
        """
        super().__init__(net, **base)
        self.sigma, self.chunk = sigma, chunk

    @property
    def theta(self) -> dict[str, Tensor]:
        """The trained parameters by name, without a graph."""
        named = self.net.named_parameters()
        return {name: p.detach() for name, p in named if p.requires_grad}

    @property
    def size(self) -> int:
        """Networks judged in a step."""
        raise NotImplementedError

    def propose(self, generator: torch.Generator, n: int) -> Perturbations:
        """``n`` perturbations of the parameters."""
        raise NotImplementedError

    def conclude(self, deltas: Perturbations, F: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective and signals of a step, from the fitness ``[n]`` of each perturbation."""
        raise NotImplementedError

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        deltas = self.propose(self.noise, self.size)
        F = self.fitness_of_all(x, y, deltas)
        with torch.autocast(x.device.type, enabled=False):
            objective, signals = self.conclude(deltas, F)
        with torch.no_grad():
            logits = self.net(x)
        return Credit(objective, logits, signals)

    @torch.no_grad()
    def fitness(self, x: Tensor, y: Tensor, deltas: Perturbations) -> Tensor:
        """Minus the task loss on a mini-batch of the network at each theta + delta, ``[n]``.

        The lowest there is where the loss is no number.
        """
        training = self.net.training
        self.net.eval()
        one = vmap(
            lambda delta: -task_loss(perturbed(self.net, delta, x), y, self.loss),
            chunk_size=self.chunk,
        )
        found = one(dict(deltas)).nan_to_num(nan=-torch.inf, neginf=-torch.inf)
        self.net.train(training)
        return found  # type: ignore[no-any-return]

    def fitness_of_all(self, x: Tensor, y: Tensor, deltas: Perturbations) -> Tensor:
        """The fitness of each perturbation on the processes' joined mini-batch; the same on all."""
        x, y = joined(x), joined(y)
        own = share(self.size)
        values = self.fitness(x, y, part(deltas, own))
        everyones = values.new_zeros(self.size)
        everyones[own] = values
        return sum_(everyones)

    def descending(self, U: dict[str, Tensor]) -> Tensor:
        """The scalar whose gradient with respect to theta is ``U``."""
        return sum(
            (torch.sum(u * self.net.get_parameter(name)) for name, u in U.items()),
            start=torch.zeros((), device=self.device),
        )

    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Forward passes of a step per sample, that of the network itself included."""
        return {"forward_passes": torch.tensor(self.size + 1.0, dtype=torch.float64)}
