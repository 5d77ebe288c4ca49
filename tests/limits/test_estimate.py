"""The estimate of es tends to the gradient: over all directions, and with the population."""

import math

import pytest
import torch

from benchmark.algorithms.es import ES
from benchmark.credit.perturbation import with_opposites
from benchmark.streams import stream
from tests.oracle.tiny import data, network


def made(hidden, **options):
    """es with the fitness itself, inputs and labels, all in float64."""
    net, _ = network(hidden=hidden)
    x, y, _ = data()
    return ES(net, shaping="none", **options).double(), x.view(-1, 1, 2, 3), y


def estimate(algorithm, x, y):
    return flat(torch.autograd.grad(algorithm.credit(x, y).objective, list(algorithm.parameters())))


def gradient(algorithm, x, y):
    return flat(torch.autograd.grad(algorithm.reference(x, y), list(algorithm.parameters())))


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors])


def orthogonal(algorithm):
    """In place of normal perturbations: all d directions, each of length sqrt(d) sigma."""
    shapes = {name: p.shape for name, p in algorithm.theta.items()}
    sizes = [shape.numel() for shape in shapes.values()]
    d = sum(sizes)
    basis = algorithm.sigma * math.sqrt(d) * torch.eye(d, dtype=torch.float64)
    parts = zip(shapes.items(), basis.split(sizes, 1), strict=True)
    deltas = {name: part.view(d, *shape) for (name, shape), part in parts}
    algorithm.pairs, algorithm.propose = d, lambda *_: with_opposites(deltas)


@pytest.mark.parametrize(
    "hidden,loss,sigma",
    [((5, 4), "cross_entropy", 1e-5), ((), "mse", 1.0)],
    ids=["of a small sigma", "of any sigma where the loss is quadratic: even orders cancel"],
)
def test_over_all_directions_the_estimate_is_the_gradient(hidden, loss, sigma):
    algorithm, x, y = made(hidden, loss=loss, sigma=sigma)
    orthogonal(algorithm)
    own, true = estimate(algorithm, x, y), gradient(algorithm, x, y)
    torch.testing.assert_close(own, true, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n", [16, 64, 256, 1024])
def test_the_cosine_with_the_gradient_grows_with_the_population_as_in_theory(n):
    """Of a linear fitness g eps, the estimate is 1/n sum_i (g eps_i) eps_i, for normal eps_i in d
    dimensions. The mean of its square is |g|^2 (n + d + 1) / n, of which |g|^2 (n + 2) / n lies
    along g: cos^2 is about (n + 2) / (n + d + 1), and tends to 1."""
    algorithm, x, y = made((8, 8), pairs=n, sigma=1e-4)
    g = gradient(algorithm, x, y)
    d, along, squares = len(g), 0.0, 0.0
    for draw in range(max(20, 4096 // n)):
        algorithm._noise = stream(0, "noise", draw)
        u = estimate(algorithm, x, y)
        along += (u @ g / g.norm()).square().item()
        squares += u.square().sum().item()
    assert along / squares == pytest.approx((n + 2) / (n + d + 1), rel=0.15)
