"""Tiny smooth settling networks in float64, and the true gradient of their settled loss."""

import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.networks.hopfield import Hopfield, HopfieldConv
from benchmark.streams import stream

CASES = {
    "fc": (Hopfield, (1, 2, 3), {"hidden": (7, 5), "activation": "sigmoid"}),
    "conv": (HopfieldConv, (2, 10, 10), {"channels": (4, 3), "activation": "sigmoid"}),
}


def network(case, scale=0.5, **options):
    """A network with weights small enough to settle fast."""
    cls, shape, own = CASES[case]
    net = cls(shape, 3, stream(3, "init"), **{**own, **options})
    for p in net.parameters():
        p.data *= scale
    for k, block in enumerate(net.blocks):  # biases that break the symmetry of units
        block.synapse.bias.data.normal_(0.2, 0.2, generator=stream(3, "bias", k))
    return net.double()


def data(case, n=4):
    shape = CASES[case][1]
    return torch.rand(n, *shape, generator=stream(4, "x"), dtype=torch.float64), torch.arange(n) % 3


def build(name, net, loss="mse", **options):
    algorithm = ALGORITHMS[name](net, classes=3, loss=loss, **options).double()
    algorithm._noise = stream(5, "noise")
    return algorithm


def update(algorithm, x, y, params=None):
    """The objective's gradient, one flat tensor for each parameter of the network."""
    params = list(algorithm.net.parameters()) if params is None else params
    objective = algorithm.credit(x, y).objective
    return torch.autograd.grad(objective, params, allow_unused=True, materialize_grads=True)


def gap(a, b):
    """Relative distance of two lists of tensors."""
    a, b = (torch.cat([t.flatten() for t in tensors]) for tensors in (a, b))
    return ((a - b).norm() / b.norm()).item()
