"""One pole on a cart: CartPole-v1 of gymnasium."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmark.errors import UserError
from benchmark.tasks.task import Array, Indices, Networks, Task

STEPS, SOLVED = 500, 475.0
TRIALS = 100  # episodes of the test
EPISODES = 4  # of an evaluation


class CartPole(Task):
    """CartPole-v1: the fitness is the mean length of 4 episodes, of 500 steps at most.

    Solved where the mean length of 100 other episodes is at least 475.
    """

    inputs = 4
    enough = SOLVED

    def fitness(self, networks: Networks, rng: np.random.Generator) -> Array:
        which = np.repeat(np.arange(networks.n), EPISODES)
        return lengths(networks, which, rng).reshape(networks.n, EPISODES).mean(1)

    def solves(self, network: Networks, rng: np.random.Generator) -> bool:
        return bool(lengths(network, np.zeros(TRIALS, np.intp), rng).mean() >= SOLVED)


def lengths(networks: Networks, which: Indices, rng: np.random.Generator) -> Array:
    """Length of an episode with each of the networks ``which``, all side by side."""
    env = _environment(len(which))
    x, _ = env.reset(seed=int(rng.integers(2**31)))
    alive, steps = np.arange(len(which)), np.zeros(len(which))
    while len(alive):
        action = np.zeros(len(which), np.int64)
        action[alive] = networks(which[alive], x[alive].astype(np.float64))[:, 0] > 0.5
        x, _, fallen, late, _ = env.step(action)
        steps[alive] += 1
        alive = alive[~(fallen | late)[alive]]
    return steps


def _environment(n: int) -> Any:
    try:
        import gymnasium
    except ModuleNotFoundError as error:
        raise UserError("cart_pole needs gymnasium: pip install gymnasium") from error
    return gymnasium.make_vec("CartPole-v1", num_envs=n, vectorization_mode="vector_entry_point")
