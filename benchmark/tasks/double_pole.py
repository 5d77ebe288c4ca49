"""Two poles of different length on one cart (Wieland 1991), with and without velocities.

With force F on a cart of mass M at x, poles i of half length l_i and mass m_i at angles theta_i,
and friction mu at the hinges:

    q_i = g sin theta_i + mu theta_i' / (m_i l_i)
    f_i = m_i l_i theta_i'^2 sin theta_i + 3/4 m_i q_i cos theta_i
    x'' = (F + sum_i f_i) / (M + sum_i m_i (1 - 3/4 cos^2 theta_i))
    theta_i'' = -3 / (4 l_i) (x'' cos theta_i + q_i)

in steps of 0.01 s by Runge and Kutta's fourth order, two of them for each answer. g is negative.
Settings and criteria are those of Stanley & Miikkulainen (2002), sec. 4.2 and 4.3.
"""

from __future__ import annotations

import itertools

import numpy as np

from benchmark.tasks.task import Array, Indices, Networks, Task

G, MU, M, FORCE, DT = -9.8, 2e-6, 1.0, 10.0, 0.01
L, m = np.array([[0.5], [0.05]]), np.array([[0.1], [0.01]])
LEFT, FALLEN = 2.4, np.radians(36)  # where the track ends, and where a pole counts as fallen
START = (0.0, 0.0, 0.07, 0.0, 0.0, 0.0)  # x, x', theta_1, theta_1', theta_2, theta_2'
SCALE = np.array([4.8, 2.0, 0.52, 2.0, 0.52, 2.0])  # a network sees the state divided by these
LONG, SHORT, WINDOW = 100_000, 1000, 100  # steps
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SPREAD = (2.16, 1.35, 0.06283152, 0.15009752)  # of x, x', theta_1, theta_1' at other starts
GENERAL = 200  # of the 625 other starts


def derivative(s: Array, F: Array) -> Array:
    """ds/dt ``[6, n]`` of states ``s`` under forces ``F`` ``[n]``."""
    theta, omega = s[2::2], s[3::2]
    cos, sin = np.cos(theta), np.sin(theta)
    q = G * sin + MU * omega / (m * L)
    f = m * L * omega**2 * sin + 0.75 * m * q * cos
    a = (F + f.sum(0)) / (M + (m * (1 - 0.75 * cos**2)).sum(0))
    alpha = -0.75 / L * (a * cos + q)
    return np.stack([s[1], a, omega[0], alpha[0], omega[1], alpha[1]])


def moved(s: Array, F: Array) -> Array:
    """The states one answer, 0.02 s, later."""
    for _ in range(2):
        k1 = derivative(s, F)
        k2 = derivative(s + DT / 2 * k1, F)
        k3 = derivative(s + DT / 2 * k2, F)
        k4 = derivative(s + DT * k3, F)
        s = s + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return s


def balanced(
    networks: Networks, starts: Array, steps: int, seen: Indices | slice, last: Array | None = None
) -> Array:
    """For how many answers each network keeps both poles up, ``[n]``, ``steps`` at most.

    Args:
        networks: n of them.
        starts: states ``[6, n]``.
        steps: the most.
        seen: which parts of the state a network sees.
        last: ``[WINDOW, n]``; filled with |x| + |x'| + |theta_1| + |theta_1'| of the last steps.
    """
    alive, kept, s = np.arange(networks.n), np.zeros(networks.n), starts
    for step in range(steps):
        y = networks(alive, (s / SCALE[:, None])[seen].T)
        s = moved(s, 2 * FORCE * (y[:, 0] - 0.5))
        up = (np.abs(s[0]) < LEFT) & (np.abs(s[2]) < FALLEN) & (np.abs(s[4]) < FALLEN)
        if not up.all():
            alive, s = alive[up], s[:, up]
            if not len(alive):
                break
        kept[alive] += 1
        if last is not None:
            last[step % WINDOW, alive] = np.abs(s[:4]).sum(0)
    return kept


def started(n: int) -> Array:
    return np.tile(np.array(START)[:, None], (1, n))


class DoublePole(Task):
    """Double pole balancing with velocities: the fitness is the number of steps, 100,000 at most.

    Solved where both poles stay up for all of them, from the long one at 4 degrees.
    """

    inputs = 6
    enough = LONG

    def fitness(self, networks: Networks, rng: np.random.Generator) -> Array:
        return balanced(networks, started(networks.n), LONG, slice(None))


class DoublePoleBlind(Task):
    """Double pole balancing without velocities: the fitness is that of Gruau et al. (1996).

    0.1 t / 1000 + 0.9 f, t of 1000 steps balanced; f is 0 below 100 steps, else 0.75 / sum of
    |x| + |x'| + |theta_1| + |theta_1'| over the last 100. Solved where both poles stay up for
    100,000 steps, and for 1000 from at least 200 of 625 other starts.
    """

    inputs = 3
    memory = True
    enough = 0.1
    seen = np.array([0, 2, 4])

    def fitness(self, networks: Networks, rng: np.random.Generator) -> Array:
        last = np.full((WINDOW, networks.n), np.inf)
        t = balanced(networks, started(networks.n), SHORT, self.seen, last)
        return 0.1 * t / SHORT + 0.9 * np.where(t >= WINDOW, 0.75 / last.sum(0), 0)

    def solves(self, network: Networks, rng: np.random.Generator) -> bool:
        if balanced(network, started(1), LONG, self.seen)[0] < LONG:
            return False
        starts = np.zeros((6, 625))
        starts[:4] = np.array(list(itertools.product(QUANTILES, repeat=4))).T
        starts[:4] = (2 * starts[:4] - 1) * np.array(SPREAD)[:, None]
        kept = balanced(network.times(625), starts, SHORT, self.seen)
        return bool((kept >= SHORT).sum() >= GENERAL)
