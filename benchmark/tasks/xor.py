"""Exclusive or, in the form of Stanley & Miikkulainen (2002), sec. 4.1."""

from __future__ import annotations

import numpy as np

from benchmark.tasks.task import Array, Networks, Task, all_of

PATTERNS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
TARGETS = (0.0, 1.0, 1.0, 0.0)


class XOR(Task):
    """Exclusive or: the fitness is (4 - sum |t - y|)^2 over the four patterns.

    Solved where all four answers lie on their target's side of 1/2.
    """

    inputs = 2
    enough = 4.0  # that of the constant answer 1/2, below which none is on all right sides

    def fitness(self, networks: Networks, rng: np.random.Generator) -> Array:
        error = np.zeros(networks.n)
        for x, t in zip(PATTERNS, TARGETS, strict=True):
            error += np.abs(t - all_of(networks, x)[:, 0])
        return (4 - error) ** 2

    def solves(self, network: Networks, rng: np.random.Generator) -> bool:
        answers = [all_of(network, x)[0, 0] for x in PATTERNS]
        return all((y > 0.5) == (t > 0.5) for y, t in zip(answers, TARGETS, strict=True))
