"""Direct random target projection by hand: the label teaches hidden layers, before pooling."""

import torch
import torch.nn.functional as F
from torch import nn

from benchmark.algorithms.drtp import DRTP
from benchmark.networks import Block, Network
from tests.oracle.tiny import assert_updates, data, network


def test_drtp_update():
    net, (W1, W2, W3) = network(activation="tanh")
    x, y, t = data()
    drtp = DRTP(net, classes=3).double()
    h1 = (x @ W1.T).tanh()
    h2 = (h1 @ W2.T).tanh()
    n = len(x)
    e = ((h2 @ W3.T).softmax(1) - t) / n
    d1 = (t @ drtp.B0) * (1 - h1**2) / n
    d2 = (t @ drtp.B1) * (1 - h2**2) / n
    assert_updates(drtp, x, y, [d1.T @ x, d2.T @ h1, e.T @ h2])


def test_drtp_reaches_every_position_before_pooling():
    conv = Block(nn.Conv2d(1, 2, 3), nn.Tanh(), pool=nn.MaxPool2d(2))
    net = Network((1, 6, 6), [conv, Block(nn.Linear(8, 3), reshape=nn.Flatten())])
    drtp = DRTP(net, classes=3).double()
    x = torch.rand(3, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 2, 1])
    h = F.conv2d(x, conv.synapse.weight, conv.synapse.bias).tanh()
    delta = drtp.B0[y].view_as(h) * (1 - h**2) / 3
    objective = drtp.credit(x, y).objective
    (bias,) = torch.autograd.grad(objective, conv.synapse.bias)
    torch.testing.assert_close(bias, delta.sum((0, 2, 3)))
