"""Tasks by hand: the physics by its energy and by a plain integrator, the criteria by cases."""

import math

import numpy as np
import pytest

from benchmark.errors import UserError
from benchmark.tasks import TASKS
from benchmark.tasks import double_pole as dp


class Says:
    """Networks in place: each answers what a function of its number and inputs says."""

    def __init__(self, n, answer):
        self.n, self.answer = n, answer

    def __call__(self, which, x):
        return np.array([[self.answer(i, *row)] for i, row in zip(which, x, strict=True)])

    def times(self, n):
        return Says(n, lambda i, *row: self.answer(0, *row))


RNG = np.random.default_rng(0)


def test_xor():
    task, right = TASKS["xor"](), lambda i, a, b: float(a != b)
    assert task.fitness(Says(1, right), RNG).tolist() == [16]
    assert task.fitness(Says(2, lambda i, a, b: 0.25 * i), RNG).tolist() == [4, 4]
    assert task.solves(Says(1, right), RNG)
    assert task.solves(Says(1, lambda i, a, b: 0.51 if a != b else 0.49), RNG)
    assert not task.solves(Says(1, lambda i, a, b: max(a, b)), RNG)


def energy(s):
    """Of cart and uniform rods of length 2 l, without friction; g of the task is negative."""
    x_dot, total = s[1], 0.5 * dp.M * s[1] ** 2
    for i, (length, mass) in enumerate(zip(dp.L[:, 0], dp.m[:, 0], strict=True)):
        theta, omega = s[2 + 2 * i], s[3 + 2 * i]
        across = x_dot + length * omega * np.cos(theta)
        along = length * omega * np.sin(theta)
        total += 0.5 * mass * (across**2 + along**2) + mass * length**2 * omega**2 / 6
        total += mass * -dp.G * length * np.cos(theta)
    return total


def test_without_force_and_friction_the_energy_stays(monkeypatch):
    monkeypatch.setattr(dp, "MU", 0.0)
    monkeypatch.setattr(dp, "DT", 0.0001)
    s = np.array([[0.1, 0.3, 0.2, -0.4, -0.1, 0.5]]).T
    before = energy(s)
    for _ in range(500):
        s = dp.moved(s, np.zeros(1))
    assert abs(s[2, 0] - 0.2) > 0.02  # it moved
    assert energy(s) == pytest.approx(before, rel=1e-9)


def test_the_acceleration_is_that_of_the_equations_one_by_one():
    rng = np.random.default_rng(1)
    states, F = rng.normal(size=(6, 5)), rng.normal(size=5)
    found = dp.derivative(states, F)
    for n, (_, v, theta1, omega1, theta2, omega2) in enumerate(states.T):
        poles = ((0.5, 0.1, theta1, omega1), (0.05, 0.01, theta2, omega2))
        q, f, mass = [], 0.0, 1.0
        for length, m, theta, omega in poles:
            q.append(-9.8 * math.sin(theta) + 2e-6 * omega / (m * length))
            f += m * length * omega**2 * math.sin(theta) + 0.75 * m * math.cos(theta) * q[-1]
            mass += m * (1 - 0.75 * math.cos(theta) ** 2)
        a = (F[n] + f) / mass
        alpha = [-0.75 / p[0] * (a * math.cos(p[2]) + qi) for p, qi in zip(poles, q, strict=True)]
        expected = [v, a, omega1, alpha[0], omega2, alpha[1]]
        np.testing.assert_allclose(found[:, n], expected, rtol=1e-12)


def fallen_after(answer):
    """Steps that the poles stay up under one answer, by scipy's integrator."""
    from scipy.integrate import solve_ivp

    s, F = np.array(dp.START), np.array([20 * (answer - 0.5)])
    for step in range(1000):
        s = solve_ivp(
            lambda _, s: dp.derivative(s[:, None], F)[:, 0], (0, 0.02), s, rtol=1e-9, atol=1e-12
        ).y[:, -1]
        if abs(s[0]) >= 2.4 or max(abs(s[2]), abs(s[4])) >= math.radians(36):
            return step
    return 1000


def test_each_network_is_judged_by_itself_until_its_poles_fall():
    answers = (0.5, 0.0, 1.0, 0.6)
    kept = TASKS["double_pole"]().fitness(Says(4, lambda i, *x: answers[i]), RNG)
    assert kept.tolist() == [fallen_after(answer) for answer in answers]
    assert len(set(kept)) > 2


def pd(i, x, v, a, w, b, u):
    """Inputs of the task to a linear controller; gains by LQR of its linearization."""
    s = np.array([x, v, a, w, b, u]) * dp.SCALE
    return float(np.clip(0.5 + (GAINS @ s) / 20, 0, 1))


def lqr():
    """F = K s that keeps the linearized poles up."""
    from scipy.linalg import solve_continuous_are

    eps, zero = 1e-6, np.zeros((6, 1))

    def slope(s, F):
        return (dp.derivative(s, F) - dp.derivative(zero, np.zeros(1))) / eps

    A = np.hstack([slope(eps * e[:, None], np.zeros(1)) for e in np.eye(6)])
    B = slope(zero, np.array([eps]))
    X = solve_continuous_are(A, B, np.eye(6), np.eye(1))
    return -(B.T @ X)[0]


GAINS = lqr()


def test_a_linear_controller_balances_and_counts_as_a_solution(monkeypatch):
    monkeypatch.setattr(dp, "LONG", 1000)
    task = TASKS["double_pole"]()
    assert task.fitness(Says(2, lambda i, *s: pd(i, *s) if i else 0.5), RNG)[1] == 1000
    assert task.solves(Says(1, pd), RNG)


def test_fitness_without_velocities_rewards_calm():
    task = TASKS["double_pole_blind"]()
    early = task.fitness(Says(1, lambda i, *s: 1.0), RNG)  # falls before 100 steps
    t = fallen_after(1.0)
    assert t < 100 and early.tolist() == [pytest.approx(0.1 * t / 1000)]


def test_an_episode_of_the_cart_pole_is_that_of_the_single_environment():
    gymnasium = pytest.importorskip("gymnasium")
    from benchmark.tasks.cart_pole import lengths

    def answer(i, x, v, theta, omega):
        return float(theta + 0.3 * omega > 0) if i else 0.0

    side_by_side = lengths(Says(2, answer), np.array([0, 1, 1]), np.random.default_rng(3))
    starts = gymnasium.make_vec("CartPole-v1", num_envs=3, vectorization_mode="vector_entry_point")
    x, _ = starts.reset(seed=int(np.random.default_rng(3).integers(2**31)))
    for row, i, steps in zip(x, (0, 1, 1), side_by_side, strict=True):
        env = gymnasium.make("CartPole-v1")
        env.reset(seed=0)
        env.unwrapped.state, n, done = row.astype(np.float64), 0, False
        while not done:
            _, _, fallen, late, _ = env.step(int(answer(i, *env.unwrapped.state) > 0.5))
            n, done = n + 1, fallen or late
        assert n == pytest.approx(steps, abs=2)
    assert side_by_side[0] < 15 < side_by_side[1]


def test_an_unknown_task_lists_near_ones():
    with pytest.raises(UserError, match="did you mean double_pole"):
        TASKS["doublepole"]
