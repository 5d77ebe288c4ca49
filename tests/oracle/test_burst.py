"""Bursts by hand on two hidden layers of sigmoid units, and their limits: fa, and backprop."""

import pytest
import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.burst import Burst
from benchmark.errors import UserError
from tests.oracle.convnet import conv_network
from tests.oracle.tiny import assert_updates, data, network, updates


def built(cls=Burst, activation="sigmoid", **options):
    net, W = network(activation=activation)
    x, y, t = data()
    return cls(net, classes=3, **options).double(), W, x, y, t


@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
def test_update(loss):
    """With the paper's 1 - e for f' / f, and Q learned so that it cancels what carries no error."""
    burst, (W1, W2, W3), x, y, t = built(loss=loss, teaching=1.5)
    Y1, Y2 = burst.B0, burst.B1
    e1 = torch.sigmoid(x @ W1.T)
    e2 = torch.sigmoid(e1 @ W2.T)
    a3 = e2 @ W3.T
    e3 = a3.softmax(1) if loss == "cross_entropy" else a3.sigmoid()
    b3 = 0.5 * e3 + 0.5 * 1.5 * (t - e3)
    p2 = torch.sigmoid(4 * (b3 @ Y2 - e3 @ (Y2 / 2)) * (1 - e2))
    p1 = torch.sigmoid(4 * ((p2 * e2) @ Y1 - e2 @ (Y1 / 2)) * (1 - e1))
    n = 1.5 * len(x)
    expected = [
        -((p1 - 0.5) * e1).T @ x / n,
        -((p2 - 0.5) * e2).T @ e1 / n,
        -(b3 - 0.5 * e3).T @ e2 / n,
    ]
    assert_updates(burst, x, y, expected)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_faint_bursts_through_the_transpose_are_half_of_backprop(activation, loss):
    burst, (_, W2, W3), x, y, _ = built(activation=activation, loss=loss, teaching=1e-6)
    burst.B0, burst.B1 = W2, W3
    bp, *_ = built(BP, activation=activation, loss=loss)
    for own, expected in zip(updates(burst, x, y), updates(bp, x, y), strict=True):
        torch.testing.assert_close(2 * own, expected, rtol=1e-4, atol=1e-6)


def test_faint_bursts_are_half_of_feedback_alignment():
    burst, (W1, W2, W3), x, y, t = built(teaching=1e-6)
    e1 = torch.sigmoid(x @ W1.T)
    e2 = torch.sigmoid(e1 @ W2.T)
    d3 = (e2 @ W3.T).softmax(1) - t
    d2 = (d3 @ burst.B1) * e2 * (1 - e2)
    d1 = (d2 @ burst.B0) * e1 * (1 - e1)
    for own, by_hand in zip(updates(burst, x, y), (d1.T @ x, d2.T @ e1, d3.T @ e2), strict=True):
        torch.testing.assert_close(2 * own, by_hand / len(x), rtol=1e-4, atol=1e-6)


def test_loud_bursts_saturate():
    """No unit bursts more than once for an event."""
    burst, _, x, y, _ = built(teaching=1e6)
    hidden = updates(burst, x, y)[1] * 1e6
    assert hidden.abs().max() <= 0.5


def test_convolutions_are_one_line():
    with pytest.raises(UserError, match="fully connected"):
        Burst(conv_network())
