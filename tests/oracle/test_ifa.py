"""Indirect feedback alignment by hand: the error enters below and is carried up by W."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmark.algorithms.ifa import IFA
from benchmark.networks import Block, Network
from tests.oracle.tiny import assert_updates, data, network


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_ifa_update(activation):
    net, (W1, W2, W3) = network(activation=activation)
    x, y, t = data()
    ifa = IFA(net, classes=3).double()
    f, df = {
        "relu": (lambda a: a.clamp(min=0), lambda a: (a > 0).double()),
        "tanh": (lambda a: a.tanh(), lambda a: 1 - a.tanh() ** 2),
    }[activation]
    a1 = x @ W1.T
    a2 = f(a1) @ W2.T
    e = ((f(a2) @ W3.T).softmax(1) - t) / len(x)
    d1 = (e @ ifa.B0) * df(a1)
    d2 = (d1 @ W2.T) * df(a2)
    assert_updates(ifa, x, y, [d1.T @ x, d2.T @ f(a1), e.T @ f(a2)])


def test_ifa_through_pooling_and_biases():
    """B e goes down through the first max-pool; the delta goes up through it, without biases."""
    generator = torch.Generator().manual_seed(0)
    lower = Block(nn.Conv2d(1, 2, 3), nn.Tanh(), pool=nn.MaxPool2d(2))
    upper = Block(nn.Linear(8, 5), nn.Tanh(), reshape=nn.Flatten())
    net = Network((1, 6, 6), [lower, upper, Block(nn.Linear(5, 3))])
    net.initialize("he_uniform", generator)
    for bias in (lower.synapse.bias, upper.synapse.bias):
        bias.data.uniform_(0.5, 1.0, generator=generator)
    ifa = IFA(net, classes=3).double()
    K, W, V = (block.synapse for block in ifa.net.blocks)
    x = torch.rand(4, 1, 6, 6, generator=generator, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0])

    h1 = F.conv2d(x, K.weight, K.bias).tanh()
    pooled, where = F.max_pool2d(h1, 2, return_indices=True)
    h2 = (pooled.flatten(1) @ W.weight.T + W.bias).tanh()
    e = ((h2 @ V.weight.T + V.bias).softmax(1) - torch.eye(3, dtype=torch.float64)[y]) / 4
    d1 = F.max_unpool2d((e @ ifa.B0).view_as(pooled), where, 2) * (1 - h1**2)
    up = d1.flatten(2).gather(2, where.flatten(2)).flatten(1)
    d2 = (up @ W.weight.T) * (1 - h2**2)

    objective = ifa.credit(x, y).objective
    bias, weight, above = torch.autograd.grad(objective, [K.bias, W.weight, V.weight])
    torch.testing.assert_close(bias, d1.sum((0, 2, 3)))
    torch.testing.assert_close(weight, d2.T @ pooled.flatten(1))
    torch.testing.assert_close(above, e.T @ h2)
