"""A tiny float64 network of two hidden ReLU layers without biases, its weights, and data.

The oracles next door write each paper's update by hand with these, and use none of credit/.
"""

import torch

from benchmark.networks.mlp import MLP


def network(hidden=(5, 4), activation="relu", in_shape=(1, 2, 3), classes=3, **options):
    generator = torch.Generator().manual_seed(1)
    net = MLP(in_shape, classes, generator, hidden=hidden, activation=activation, **options)
    net = net.double()
    return net, [block.synapse.weight.detach().clone() for block in net.blocks]


def data(n=6, classes=3):
    """Inputs as images ``[n, 1, 2, 3]`` flattened to ``[n, 6]``, labels, one-hot targets."""
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(n, 6, generator=generator, dtype=torch.float64)
    y = torch.arange(n) % classes
    return x, y, torch.eye(classes, dtype=torch.float64)[y]


def updates(algorithm, x, y):
    """Gradient of the algorithm's objective for each block's weight."""
    algorithm.double()
    objective = algorithm.credit(x.view(-1, 1, 2, 3), y).objective
    return torch.autograd.grad(objective, [b.synapse.weight for b in algorithm.net.blocks])


def assert_updates(algorithm, x, y, expected):
    for k, (own, by_hand) in enumerate(zip(updates(algorithm, x, y), expected, strict=True)):
        torch.testing.assert_close(own, by_hand, rtol=1e-10, atol=1e-12, msg=f"layer {k + 1}")
