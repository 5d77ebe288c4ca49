"""Feedback alignment by hand, on linear and convolutional synapses."""

import torch
import torch.nn.functional as F
from torch import nn

from benchmark.algorithms.fa import FA
from benchmark.networks import Block, Network
from tests.oracle.tiny import assert_updates, data, network


def test_fa_update():
    net, (W1, W2, W3) = network()
    x, y, t = data()
    fa = FA(net, classes=3).double()
    B2, B3 = fa.net.blocks[1].synapse.B, fa.net.blocks[2].synapse.B
    a1 = x @ W1.T
    h1 = a1.clamp(min=0)
    a2 = h1 @ W2.T
    h2 = a2.clamp(min=0)
    e = ((h2 @ W3.T).softmax(1) - t) / len(x)
    d2 = (e @ B3) * (a2 > 0)
    d1 = (d2 @ B2) * (a1 > 0)
    assert_updates(fa, x, y, [d1.T @ x, d2.T @ h1, e.T @ h2])
    assert not torch.allclose(B3, W3) and B3.shape == W3.shape


def test_fa_update_through_a_convolution():
    """Two valid convolutions: the lower one's error is the transposed convolution with B."""
    generator = torch.Generator().manual_seed(0)
    lower = Block(nn.Conv2d(1, 2, 5, bias=False), nn.ReLU(), pool=nn.MaxPool2d(2))
    upper = Block(nn.Conv2d(2, 2, 3, bias=False), nn.ReLU())
    output = Block(nn.Linear(18, 3, bias=False), reshape=nn.Flatten())
    net = Network((1, 14, 14), [lower, upper, output])
    net.initialize("he_uniform", generator)
    fa = FA(net, classes=3).double()
    K1, K2, W = (block.synapse for block in fa.net.blocks)
    x = torch.rand(4, 1, 14, 14, generator=generator, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0])

    a1 = F.conv2d(x, K1.weight)
    h1, where = F.max_pool2d(a1.clamp(min=0), 2, return_indices=True)
    a2 = F.conv2d(h1, K2.weight)
    out = a2.clamp(min=0).flatten(1) @ W.weight.T
    e = (out.softmax(1) - torch.eye(3, dtype=torch.float64)[y]) / 4
    d2 = (e @ W.B).view_as(a2) * (a2 > 0)
    d1 = F.max_unpool2d(F.conv_transpose2d(d2, K2.B), where, 2) * (a1 > 0)
    dK1 = torch.stack([_correlate(x[:, 0], d1[:, c]) for c in range(2)])[:, None]

    objective = fa.credit(x, y).objective
    torch.testing.assert_close(torch.autograd.grad(objective, K1.weight)[0], dK1)


def _correlate(x, d):
    """dK[i, j] = sum over samples and positions of d[p, q] x[p + i, q + j]."""
    size = x.shape[-1] - d.shape[-1] + 1
    rows = d.shape[-1]
    return torch.stack([
        torch.stack([(d * x[:, i : i + rows, j : j + rows]).sum() for j in range(size)])
        for i in range(size)
    ])  # fmt: skip
