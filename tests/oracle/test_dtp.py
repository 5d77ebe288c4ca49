"""Difference target propagation by hand: targets, layer losses, decoders' reconstruction losses."""

import torch

from benchmark.algorithms.dtp import DTP
from tests.oracle.tiny import assert_updates, data, network


def test_dtp_forward_updates():
    net, (W1, W2, W3) = network(activation="tanh")
    x, y, t = data()
    dtp = DTP(net, classes=3, step=0.5, noise=0.0).double()
    (g,) = dtp.decoders
    V, b = g.synapse.weight.detach(), g.synapse.bias.detach()
    b += 0.1
    h1 = (x @ W1.T).tanh()
    h2 = (h1 @ W2.T).tanh()
    e = (h2 @ W3.T).softmax(1) - t
    t2 = h2 - 0.5 * e @ W3
    t1 = h1 - (h2 @ V.T + b).tanh() + (t2 @ V.T + b).tanh()
    n = len(x)
    expected = [
        ((h1 - t1) * (1 - h1**2)).T @ x / n,
        ((h2 - t2) * (1 - h2**2)).T @ h1 / n,
        e.T @ h2 / n,
    ]
    assert_updates(dtp, x, y, expected)


def test_dtp_decoder_update():
    net, (W1, W2, _) = network(activation="tanh")
    x, y, _ = data()
    dtp = DTP(net, classes=3, noise=0.0).double()
    linear = dtp.decoders[0].synapse
    V = linear.weight.detach()
    h1 = (x @ W1.T).tanh()
    h2 = (h1 @ W2.T).tanh()
    r = (h2 @ V.T).tanh()
    expected = ((r - h1) * (1 - r**2)).T @ h2 / len(x)
    objective = dtp.credit(x.view(-1, 1, 2, 3), y).objective
    torch.testing.assert_close(torch.autograd.grad(objective, linear.weight)[0], expected)
