"""What a task is: it asks networks, and says how well each has done."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


class Networks(Protocol):
    """``n`` networks, fresh: those with memory have seen nothing yet."""

    n: int

    def __call__(self, which: Indices, x: Array) -> Array:
        """Answers ``[m, outputs]``, each from 0 to 1, of the networks ``which`` ``[m]`` to inputs
        ``x`` ``[m, inputs]``."""
        ...

    def times(self, n: int) -> Networks:
        """``n`` fresh copies of the only one."""
        ...


class Task:
    """Base of tasks.

    Attributes:
        inputs: of a network.
        outputs: of a network.
        memory: whether it takes a network that remembers.
        enough: fitness from which a network is tried as a solution.
    """

    inputs: ClassVar[int]
    outputs: ClassVar[int] = 1
    memory: ClassVar[bool] = False
    enough: ClassVar[float]

    def fitness(self, networks: Networks, rng: np.random.Generator) -> Array:
        """How well each has done, ``[n]``; what is drawn comes from ``rng``."""
        raise NotImplementedError

    def solves(self, network: Networks, rng: np.random.Generator) -> bool:
        """Whether a single network, fit enough, is a solution."""
        return True


def all_of(networks: Networks, x: Any) -> Array:
    """Answers ``[n, outputs]`` of all to one input."""
    inputs = np.tile(np.asarray(x, np.float64), (networks.n, 1))
    return networks(np.arange(networks.n), inputs)
