"""ep, ep_vf, chl and bptt by hand from the papers, in numpy: 6-5-4-3 with hard sigmoids."""

import numpy as np
import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.networks.hopfield import Hopfield
from tests.oracle.tiny import data

FREE, NUDGED, BETA = 9, 4, 0.3


def rho(u):
    return np.clip(u, 0, 1)


def built(name, **options):
    net = Hopfield((1, 2, 3), 3, torch.Generator().manual_seed(1), hidden=(5, 4))
    for block in net.blocks:  # units that are not all clipped
        block.synapse.bias.data.uniform_(0.1, 0.4, generator=torch.Generator().manual_seed(2))
    return ALGORITHMS[name](net, classes=3, loss="mse", free_steps=FREE, **options).double()


def weights(algorithm):
    blocks = algorithm.net.blocks
    W = [b.synapse.weight.detach().numpy().copy() for b in blocks]
    return W, [b.synapse.bias.detach().numpy().copy() for b in blocks]


def settled(x, s, W, b, B, steps, pull=lambda s3: 0.0, top=None):
    """Synchronous updates of s1, s2, s3; B are the weights of the way down."""
    s1, s2, s3 = s
    for _ in range(steps):
        s1, s2, s3 = (
            rho(x @ W[0].T + b[0] + s2 @ B[1]),
            rho(s1 @ W[1].T + b[1] + s3 @ B[2]),
            rho(s2 @ W[2].T + b[2] + pull(s3)) if top is None else top,
        )
    return s1, s2, s3


def zeros(n):
    return np.zeros((n, 5)), np.zeros((n, 4)), np.zeros((n, 3))


def hebb(x, s):
    """Sum over the batch of post times pre, for each synapse."""
    return [s[0].T @ x, s[1].T @ s[0], s[2].T @ s[1]]


def assert_gradients(algorithm, x, y, expected, of="weight"):
    objective = algorithm.credit(x.view(-1, 1, 2, 3), y).objective
    if of == "B":
        params = list(algorithm.backward_weights)
    else:
        params = [getattr(block.synapse, of) for block in algorithm.net.blocks]
    for own, by_hand in zip(torch.autograd.grad(objective, params), expected, strict=True):
        np.testing.assert_allclose(own.numpy(), by_hand, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("nudging", ["one_sided", "symmetric"])
def test_ep(nudging):
    x, y, target = data()
    algorithm = built("ep", nudging=nudging, beta=BETA, nudged_steps=NUDGED)
    (W, b), X, T, n = weights(algorithm), x.numpy(), target.numpy(), len(x)
    free = settled(X, zeros(n), W, b, W, FREE)
    plus = settled(X, free, W, b, W, NUDGED, lambda s: BETA * (T - s))
    minus = settled(X, free, W, b, W, NUDGED, lambda s: -BETA * (T - s))
    other, width = (minus, 2 * BETA) if nudging == "symmetric" else (free, BETA)
    expected = [-(p - m) / width / n for p, m in zip(hebb(X, plus), hebb(X, other), strict=True)]
    assert_gradients(algorithm, x, y, expected)
    biases = [-(p - m).sum(0) / width / n for p, m in zip(plus, other, strict=True)]
    assert_gradients(algorithm, x, y, biases, "bias")


@pytest.mark.parametrize("updates", ["same", "own"])
def test_ep_vf(updates):
    x, y, target = data()
    algorithm = built("ep_vf", updates=updates, beta=BETA, nudged_steps=NUDGED)
    (W, b), X, T, n = weights(algorithm), x.numpy(), target.numpy(), len(x)
    B = [None, *(p.detach().numpy() for p in algorithm.backward_weights)]
    free = settled(X, zeros(n), W, b, B, FREE)
    plus = settled(X, free, W, b, B, NUDGED, lambda s: BETA * (T - s))
    minus = settled(X, free, W, b, B, NUDGED, lambda s: -BETA * (T - s))
    d = [-(p - m) / (2 * BETA) / n for p, m in zip(plus, minus, strict=True)]
    if updates == "same":
        pairs = zip(hebb(X, plus), hebb(X, minus), strict=True)
        forward = [-(p - m) / (2 * BETA) / n for p, m in pairs]
        back = forward[1:]
    else:
        forward = [d[0].T @ X, d[1].T @ free[0], d[2].T @ free[1]]
        back = [free[1].T @ d[0], free[2].T @ d[1]]
    assert_gradients(algorithm, x, y, forward)
    assert_gradients(algorithm, x, y, back, "B")


def test_chl():
    x, y, target = data()
    algorithm = built("chl", clamped_steps=NUDGED)
    (W, b), X, T, n = weights(algorithm), x.numpy(), target.numpy(), len(x)
    free = settled(X, zeros(n), W, b, W, FREE)
    clamped = settled(X, (*free[:2], T), W, b, W, NUDGED, top=T)
    expected = [(f - c) / n for f, c in zip(hebb(X, free), hebb(X, clamped), strict=True)]
    assert_gradients(algorithm, x, y, expected)


def test_bptt():
    """delta_t = J^T delta_{t+1}, written out backwards in time through every step."""
    x, y, target = data()
    algorithm = built("bptt", back_steps=NUDGED)
    (W, b), X, T, n = weights(algorithm), x.numpy(), target.numpy(), len(x)
    path = [settled(X, zeros(n), W, b, W, FREE - NUDGED)]
    for _ in range(NUDGED):
        path.append(settled(X, path[-1], W, b, W, 1))
    delta = [np.zeros_like(s) for s in path[-1][:2]] + [(path[-1][2] - T) / n]
    expected = [np.zeros_like(w) for w in W]
    for before, after in zip(path[-2::-1], path[:0:-1], strict=True):
        e1, e2, e3 = (d * ((s > 0) & (s < 1)) for d, s in zip(delta, after, strict=True))
        expected[0] += e1.T @ X
        expected[1] += e2.T @ before[0] + before[1].T @ e1
        expected[2] += e3.T @ before[1] + before[2].T @ e2
        delta = [e2 @ W[1], e1 @ W[1].T + e3 @ W[2], e2 @ W[2].T]
    assert_gradients(algorithm, x, y, expected)
