"""The Gaussian integrals against Monte Carlo, and the flow against its fixed points."""

import numpy as np
import pytest
from scipy.special import erf

from benchmark.suite.theory import fa_linear, teacher_student
from benchmark.suite.theory.order_parameters import System, dg_dg_gg, dg_z_g, flow, gg


def g(z):
    return erf(z / np.sqrt(2))


def dg(z):
    return np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2)


@pytest.fixture(scope="module")
def fields():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((5, 5)) / 2
    C = A @ A.T + 0.2 * np.eye(5)
    return C, rng.multivariate_normal(np.zeros(5), C, size=400_000).T


def test_integrals_equal_monte_carlo(fields):
    C, z = fields
    assert gg(C)[0, 3] == pytest.approx((g(z[0]) * g(z[3])).mean(), abs=4e-3)
    assert dg_z_g(C, 0, 1, 2) == pytest.approx((dg(z[0]) * z[1] * g(z[2])).mean(), abs=4e-3)
    assert dg_z_g(C, 0, 1, 0) == pytest.approx((dg(z[0]) * z[1] * g(z[0])).mean(), abs=4e-3)
    c, chosen = np.array([1.0, -0.5, 0.7, -1.2]), [0, 1, 2, 3]
    e = c @ g(z[:4])
    assert dg_dg_gg(C, 0, 1, chosen, c) == pytest.approx(
        (dg(z[0]) * dg(z[1]) * e**2).mean(), rel=0.02
    )
    assert dg_dg_gg(C, 1, 1, chosen, c) == pytest.approx((dg(z[1]) ** 2 * e**2).mean(), rel=0.02)


def test_error_is_half_the_mean_square(fields):
    C, z = fields
    v, teacher = np.array([0.8, -0.3]), np.array([1.0, 0.6])
    e = v @ g(z[:2]) - teacher @ g(z[2:4])
    assert System(C, v, teacher).error() == pytest.approx((e**2).mean() / 2, rel=0.02)


def test_flow_is_the_mean_change_of_one_step(fields):
    """With x x / N = 1: what one online step does to the overlaps, times N, on average."""
    C, z = fields
    v, teacher, eta = np.array([0.8, -0.3]), np.array([1.0, 0.6]), 3.0
    e = v @ g(z[:2]) - teacher @ g(z[2:4])
    step = -eta * C[:2, 4][:, None] * e * dg(z[:2])  # sqrt(N) times the change of w along x
    change, dv = flow(System(C, v, teacher), eta)
    q01 = (step[0] * z[1] + step[1] * z[0] + step[0] * step[1]).mean()
    q00 = (2 * step[0] * z[0] + step[0] ** 2).mean()
    got = [change[0, 1], change[0, 0], change[1, 3], change[0, 4], dv[1]]
    want = [q01, q00, (step[1] * z[3]).mean(), (step[0] * z[4]).mean(), -eta * (e * g(z[1])).mean()]
    np.testing.assert_allclose(got, want, rtol=0.03, atol=0.01)
    assert (step[0] ** 2).mean() > 0.05  # the term in eta squared is seen


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_nothing_moves_at_the_teacher_and_at_its_degenerate_solutions(sign):
    teacher = np.array([1.0, 1.0])
    flip = np.array([1.0, sign])
    vectors = np.vstack([np.diag(flip), np.eye(2)])
    F = np.array([0.5, 0.4])
    vectors = np.vstack([vectors, F])
    overlaps = vectors @ vectors.T
    overlaps[-1, -1] = 1.0
    change, dv = flow(System(overlaps, flip * teacher, teacher), eta=1.0)
    assert np.abs(change).max() < 1e-12 and np.abs(dv).max() < 1e-12


def test_simulation_follows_the_theory_more_closely_in_higher_dimension():
    times = np.linspace(0, 12, 7)
    start = teacher_student.initial()
    predicted = [s.error() for s in teacher_student.theory(start, times)]
    assert predicted[-1] < 0.5 * predicted[0]
    gaps = []
    for N in (10, 160):
        rng = np.random.default_rng(1)
        runs = [teacher_student.simulation(start, times, N, rng) for _ in range(4)]
        errors = [[s.error() for s in run] for run in runs]
        gaps.append(np.abs(np.subtract(errors, predicted)).max(axis=1).mean())
    assert gaps[1] < 0.5 * gaps[0]


def test_linear_feedback_alignment_conserves_and_learns():
    """Lillicrap et al. 2016: B W + (B W)^T - A A^T stays, and the error goes to zero."""
    numbers = fa_linear.run()
    assert max(numbers["drift"]) < 1e-8
    assert numbers["error"][-1] < 1e-6 and numbers["angle"][-1] < 45
    rng = np.random.default_rng(0)
    A, W, B, T = (rng.standard_normal(s) for s in ((6, 5), (3, 6), (6, 3), (3, 5)))
    dA, dW = fa_linear.derivative(A, W, B, T)
    eps = 1e-6
    there = fa_linear.conserved(A + eps * dA, W + eps * dW, B)
    back = fa_linear.conserved(A - eps * dA, W - eps * dW, B)
    np.testing.assert_allclose((there - back) / (2 * eps), 0, atol=1e-6)
