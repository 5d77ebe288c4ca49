"""Deep feedback control by hand, and its limits: backprop in one step, Gauss-Newton at rest."""

import pytest
import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.dfc import DFC
from benchmark.errors import UserError
from tests.oracle.convnet import conv_network
from tests.oracle.tiny import assert_updates, data, network, updates


def built(cls=DFC, activation="tanh", **options):
    net, W = network(activation=activation)
    x, y, t = data()
    return cls(net, classes=3, **options).double(), W, x, y, t


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_update(loss):
    """Three steps of the controller, each a pass of its own; then the last states teach."""
    step, dt, leak = 0.7, 0.2, 0.3
    dfc, (W1, W2, W3), x, y, t = built(loss=loss, target_step=step, dt=dt, leak=leak, steps=3)
    Q1, Q2 = W2.T @ W3.T, W3.T

    def passed(u):
        r1 = torch.tanh(x @ W1.T + u @ Q1.T)
        r2 = torch.tanh(r1 @ W2.T + u @ Q2.T)
        return r1, r2, r2 @ W3.T + u

    u = torch.zeros_like(t)
    *_, free = passed(u)
    e = (free.softmax(1) if loss == "cross_entropy" else free) - t
    for _ in range(3):
        *_, r3 = passed(u)
        u = u + dt * (free - step * e - r3 - leak * u)
    r1, r2, r3 = passed(u)
    n = len(x) * step
    expected = [
        -(r1 - torch.tanh(x @ W1.T)).T @ x / n,
        -(r2 - torch.tanh(r1 @ W2.T)).T @ r1 / n,
        -(r3 - r2 @ W3.T).T @ r2 / n,
    ]
    assert_updates(dfc, x, y, expected)


def test_one_step_to_a_near_target_is_backprop_in_a_linear_network():
    dfc, _, x, y, _ = built(activation="linear", target_step=1e-6, steps=1, dt=0.4)
    bp, *_ = built(BP, activation="linear")
    for own, expected in zip(updates(dfc, x, y), updates(bp, x, y), strict=True):
        torch.testing.assert_close(own / 0.4, expected, rtol=1e-4, atol=1e-6)


def test_at_rest_the_signals_are_those_of_gauss_newton():
    """v - a = Q (J Q + alpha)^-1 lambda e, with J Q = W3 W2 Q1 + W3 Q2 + 1."""
    dfc, (W1, W2, W3), x, y, t = built(
        activation="linear", target_step=1e-7, steps=4000, dt=0.02, leak=0.5
    )
    J1, J2 = W3 @ W2, W3
    JQ = J1 @ J1.T + J2 @ J2.T + torch.eye(3, dtype=x.dtype)
    e = (x @ W1.T @ W2.T @ W3.T).softmax(1) - t
    s = torch.linalg.solve(JQ + 0.5 * torch.eye(3, dtype=x.dtype), e.T).T
    h1 = x @ W1.T
    n = len(x)
    expected = [(s @ J1).T @ x / n, (s @ J2).T @ h1 / n, s.T @ (h1 @ W2.T) / n]
    for own, by_hand in zip(updates(dfc, x, y), expected, strict=True):
        torch.testing.assert_close(own, by_hand, rtol=1e-5, atol=1e-7)


def test_convolutions_are_one_line():
    with pytest.raises(UserError, match="fully connected"):
        DFC(conv_network())
