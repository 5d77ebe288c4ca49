"""A tiny float64 net of two convolutions and a linear layer, and its update by hand with any B."""

import torch
import torch.nn.functional as F
from torch import nn

from benchmark.networks import Block, Network


def conv_network():
    """Stride, padding, groups and biases in the upper convolution: whatever geometry can break."""
    generator = torch.Generator().manual_seed(0)
    lower = Block(nn.Conv2d(1, 4, 3), nn.Tanh())
    upper = Block(nn.Conv2d(4, 2, 3, stride=2, padding=1, groups=2), nn.Tanh())
    output = Block(nn.Linear(8, 3), reshape=nn.Flatten())
    net = Network((1, 6, 6), [lower, upper, output])
    net.initialize("he_uniform", generator)
    for block in net.blocks:
        block.synapse.bias.data.uniform_(-0.5, 0.5, generator=generator)
    return net.double()


def conv_data():
    generator = torch.Generator().manual_seed(3)
    return torch.rand(4, 1, 6, 6, generator=generator, dtype=torch.float64), torch.arange(4) % 3


def conv_updates(weights, biases, feedback, x, y):
    """dJ/dW of the three layers, with the error sent back through ``feedback`` (K2's and V's B)."""
    K1, K2, V = weights
    h1 = F.conv2d(x, K1, biases[0]).tanh()
    h2 = F.conv2d(h1, K2, biases[1], stride=2, padding=1, groups=2).tanh()
    e = (h2.flatten(1) @ V.T + biases[2]).softmax(1) - torch.eye(3, dtype=x.dtype)[y]
    e = e / len(x)
    B2, B3 = feedback
    d2 = (e @ B3).view_as(h2) * (1 - h2**2)
    d1 = F.conv_transpose2d(d2, B2, None, 2, 1, 1, groups=2) * (1 - h1**2)
    return [correlate(x, d1), grouped(h1, d2), e.T @ h2.flatten(1)], (h1, h2, d2)


def correlate(x, d):
    """Weight gradient of a valid 3x3 convolution, summed position by position."""
    gradient = x.new_zeros(d.shape[1], x.shape[1], 3, 3)
    for i in range(d.shape[2]):
        for j in range(d.shape[3]):
            patch = x[:, :, i : i + 3, j : j + 3]
            gradient += torch.einsum("no,nckl->ockl", d[:, :, i, j], patch)
    return gradient


def grouped(x, d):
    """The same for stride 2, padding 1 and two groups."""
    padded = F.pad(x, (1, 1, 1, 1))
    gradient = x.new_zeros(2, 2, 3, 3)
    for group in range(2):
        for i in range(d.shape[2]):
            for j in range(d.shape[3]):
                patch = padded[:, 2 * group : 2 * group + 2, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
                gradient[group] += torch.einsum("n,nckl->ckl", d[:, group, i, j], patch)
    return gradient
