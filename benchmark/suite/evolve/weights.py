"""es and ga on a task: the weights of a small network evolve, its shape stays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.func import vmap

from benchmark.algorithm import Credit
from benchmark.algorithms.families.population import Population
from benchmark.credit.perturbation import Perturbations, part, perturbed
from benchmark.engine.descent import Descent
from benchmark.errors import UserError
from benchmark.streams import stream
from benchmark.suite.evolve.solve import Search
from benchmark.tasks.task import Array, Indices, Networks, Task


class Perturbed:
    """Networks at theta + delta, as a task asks them; the logistic function bounds their answers.

    Args:
        rule: whose network stands at theta.
        deltas: n perturbations.
        n: their number.
    """

    def __init__(self, rule: Population, deltas: Perturbations, n: int) -> None:
        self.n, self._rule, self._deltas = n, rule, deltas
        self._chosen: Indices = np.arange(n)
        self._parts = dict(deltas)
        self._answers = vmap(lambda delta, x: perturbed(rule.net, delta, x).sigmoid())

    @torch.no_grad()
    def __call__(self, which: Indices, x: Array) -> Array:
        if not np.array_equal(which, self._chosen):
            self._chosen, self._parts = which, part(self._deltas, torch.from_numpy(which))
        inputs = torch.from_numpy(x).to(self._rule.dtype)[:, None, :, None, None]
        return self._answers(self._parts, inputs)[:, 0].double().numpy()

    def times(self, n: int) -> Perturbed:
        return Perturbed(self._rule, part(self._deltas, torch.zeros(n, dtype=torch.long)), n)


class Weights(Search):
    """A population rule on one network.

    Args:
        rule: es or ga, its network with the task's inputs and outputs.
        task: to be solved.

    Raises:
        UserError: the task takes a network that remembers.
    """

    def __init__(self, rule: Population, task: Task) -> None:
        if task.memory:
            raise UserError(
                f"{type(task).__name__} takes networks that remember, and this one does not: "
                "choose neat"
            )
        self.rule, self._generation = rule, 0
        self._descend = Descent(rule.optim.build(rule.param_groups()), rule.optim.clip)

    def generation(self, fitness: Callable[[Networks], Array]) -> tuple[Networks, float]:
        rule = self.rule
        self._generation += 1
        deltas = rule.propose(stream(rule.seed, "noise", self._generation), rule.size)
        F = torch.from_numpy(fitness(Perturbed(rule, deltas, rule.size)))
        objective, signals = rule.conclude(deltas, F)
        self._descend(objective)
        rule.after_step(Credit(objective, torch.empty(0), signals))
        nothing = {name: torch.zeros_like(p)[None] for name, p in rule.theta.items()}
        network = Perturbed(rule, nothing, 1)
        return network, float(fitness(network)[0])
