"""Channel-wise competition by hand, on units and on channels."""

import pytest
import torch
from torch import nn

from benchmark.algorithms.cwc import CwC
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from tests.oracle.convnet import conv_data, conv_network
from tests.oracle.tiny import assert_updates, data, network


def scaled(h):
    return h / h.square().mean(1, keepdim=True).sqrt()


def goodness(h, shares):
    squares = h.square().flatten(2).mean(2) if h.dim() > 2 else h.square()
    return torch.stack([squares[:, a:b].mean(1) for a, b in shares], 1)


def test_update_and_prediction():
    net, (W1, W2, _) = network(hidden=(6, 4))
    rule = CwC(net, classes=3).double()
    x, y, t = data()
    x1 = scaled(x)
    h1 = (x1 @ W1.T).relu()
    x2 = scaled(h1)
    h2 = (x2 @ W2.T).relu()
    expected, scores = [], 0
    layers = ((h1, x1, [(0, 2), (2, 4), (4, 6)]), (h2, x2, [(0, 2), (2, 3), (3, 4)]))
    for h, below, shares in layers:
        G = goodness(h, shares)
        e = (G.softmax(1) - t) / len(x)
        dh = torch.zeros_like(h)
        for j, (a, b) in enumerate(shares):
            dh[:, a:b] = e[:, [j]] * 2 * h[:, a:b] / (b - a)
        expected.append(dh.T @ below)
        scores = scores + G
    assert_updates(rule, x, y, expected)
    torch.testing.assert_close(rule.predict(x.view(-1, 1, 2, 3)), scores)


def test_channels_are_judged_by_all_their_places():
    lower, *_ = conv_network().blocks
    output = Block(nn.Linear(64, 3), reshape=nn.Flatten()).double()
    rule = CwC(Network((1, 6, 6), [lower, output])).double()
    x, _ = conv_data()
    with torch.no_grad():
        h = lower(scaled(x.flatten(1)).view_as(x))
        expected = goodness(h, [(0, 2), (2, 3), (3, 4)])
        torch.testing.assert_close(rule.predict(x), expected)


def test_too_few_channels_are_refused():
    with pytest.raises(UserError, match="a layer has 4"):
        CwC(network(hidden=(9, 4), classes=5)[0])
