"""Deep feedback control by hand, and its limits: backprop in one step, Gauss-Newton at rest."""

import pytest
import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.dfc import DFC
from benchmark.errors import UserError
from benchmark.streams import stream
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


def learned(noise=0, **options):
    dfc, W, x, *_ = built(feedback="learned", **options)
    dfc._noise = stream(0, "noise", noise)
    return dfc, W, x.view(-1, 1, 2, 3)


def feedback_slopes(dfc, x):
    (scalar,) = dfc.feedback_phase(x)
    return torch.autograd.grad(scalar, [*dfc.learned])


def test_learned_feedback():
    """The controller holds the output against noise: three steps, then v^A u^T and the decay."""
    sigma, dt, leak = 0.4, 0.2, 0.3
    dfc, (W1, W2, W3), x = learned(steps=3, dt=dt, leak=leak, sigma=sigma, decay=0.7)
    Q1, Q2 = (B.detach().T for B in dfc.learned)
    images, generator = x.flatten(1), stream(0, "noise", 0)
    n1, n2 = (sigma * torch.empty(6, k, dtype=x.dtype).normal_(generator=generator) for k in (5, 4))
    free = torch.tanh(torch.tanh(images @ W1.T) @ W2.T) @ W3.T
    u = torch.zeros_like(free)
    for _ in range(3):
        r1 = torch.tanh(images @ W1.T + u @ Q1.T + n1)
        r2 = torch.tanh(r1 @ W2.T + u @ Q2.T + n2)
        u = u + dt * (free - (r2 @ W3.T + u) - leak * u)
    expected = [((u @ Q.T + n).T @ u / (6 * sigma**2) + 0.7 * Q).T for Q, n in ((Q1, n1), (Q2, n2))]
    for own, by_hand in zip(feedback_slopes(dfc, x), expected, strict=True):
        torch.testing.assert_close(own, by_hand)


def test_learned_feedback_turns_to_the_rows_of_the_jacobian():
    """On a linear network, of all layers together: Q = J^T X, X the same for all. Half of a drawn Q
    lies there at first (three dimensions of nine), nearly all of it in the end."""
    dfc, (_, W2, W3), x = learned(activation="linear", decay=0.3)
    J = torch.cat([W3 @ W2, W3], 1)
    inside = J.T @ torch.linalg.solve(J @ J.T, J)

    def outside():
        Q = torch.cat([B.detach() for B in dfc.learned], 1).T
        return ((Q - inside @ Q).norm() / Q.norm()).item()

    before, many = outside(), x.repeat(200, 1, 1, 1)
    for _ in range(300):
        for B, slope in zip(dfc.learned, feedback_slopes(dfc, many), strict=True):
            B.data -= 0.1 * slope
    assert before > 0.5 and outside() < 0.1


def test_the_feedback_that_is_learned_has_a_rate_of_its_own():
    dfc, *_ = learned(feedback_lr=0.02)
    forward, feedback = dfc.param_groups()
    assert feedback["lr"] == 0.02 and len(feedback["params"]) == 2
    assert len(forward["params"]) == 3


def test_convolutions_are_one_line():
    with pytest.raises(UserError, match="fully connected"):
        DFC(conv_network())
