"""What a search for a network is, and how one runs until a task is solved."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmark.tasks.task import Array, Networks, Task


class Search:
    """Base of searches; a class's constructor takes a task, a seed and its own options."""

    def generation(self, fitness: Callable[[Networks], Array]) -> tuple[Networks, float]:
        """Judge and renew the population once.

        Returns:
            The network that it now stands for, alone, and its fitness.
        """
        raise NotImplementedError

    def about(self) -> dict[str, float]:
        """Numbers about that network."""
        return {}


def solve(search: Search, task: Task, generations: int, seed: int) -> dict[str, Any]:
    """Search until a network solves the task, for so many generations at most.

    Returns:
        ``seed``, ``solved``, ``generations`` and ``evaluations`` (networks judged, whole
        generations; tests of a single one by ``solves`` not counted), the last ``fitness``,
        ``seconds``, and the search's own numbers.
    """
    rng = np.random.default_rng(seed)
    begin, evaluations, solved = time.monotonic(), 0, False

    def fitness(networks: Networks) -> Array:
        nonlocal evaluations
        evaluations += networks.n
        return task.fitness(networks, rng)

    for generation in range(1, generations + 1):  # noqa: B007
        network, f = search.generation(fitness)
        if f >= task.enough and task.solves(network, rng):
            solved = True
            break
    return {
        "seed": seed,
        "solved": solved,
        "generations": generation,
        "evaluations": evaluations,
        "fitness": f,
        "seconds": round(time.monotonic() - begin, 1),
        **search.about(),
    }
