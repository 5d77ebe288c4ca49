"""Attacks by hand in float64, on models whose worst images are known in closed form."""

import math

import pytest
import torch
from scipy.ndimage import gaussian_filter

from benchmark.measure import attacks
from benchmark.streams import stream

EPS = 0.1
CHANNELS, SIDE, CLASSES = 2, 5, 3


def images(n=12):
    """Pixels in [0, 1], some of them at the ends, labels, and the weights of a linear softmax."""
    g = torch.Generator().manual_seed(3)
    x = torch.rand(n, CHANNELS, SIDE, SIDE, generator=g, dtype=torch.float64)
    x = (1.2 * x - 0.1).clamp(0, 1)
    W = torch.randn(CLASSES, x[0].numel(), generator=g, dtype=torch.float64)
    return x, torch.arange(n) % CLASSES, W


def by_hand(W):
    """dJ/dx = W^T (softmax(W x) - t) of a linear softmax."""

    def gradient(x, y):
        e = (x.flatten(1) @ W.T).softmax(1) - torch.eye(len(W), dtype=torch.float64)[y]
        return (e @ W).view_as(x)

    return gradient


def two_classes():
    x, y, W = images()
    return x, y % 2, W[:2]


def test_fgsm_of_a_linear_softmax():
    x, y, W = images()
    leaf = x.clone().requires_grad_()
    J = torch.nn.functional.cross_entropy(leaf.flatten(1) @ W.T, y)
    (g,) = torch.autograd.grad(J, leaf)
    expected = (x + EPS * g.sign()).clamp(0, 1)
    torch.testing.assert_close(attacks.fgsm(by_hand(W), x, y, EPS), expected, rtol=0, atol=1e-15)


def test_fgsm_is_the_worst_of_the_ball_for_two_linear_classes():
    """The margin falls by eps ||w||_1, w = w_y - w_other, wherever no pixel meets an end."""
    x, y, W = two_classes()
    x = 0.3 + 0.4 * x
    x_adv = attacks.fgsm(by_hand(W), x, y, EPS)
    before, after = (attacks.margins(z.flatten(1) @ W.T, y) for z in (x, x_adv))
    fall = EPS * (W[0] - W[1]).abs().sum()
    torch.testing.assert_close(before - after, fall.expand(len(x)))


@pytest.mark.parametrize("start", [None, 7])
def test_pgd_ends_at_fgsm_for_two_linear_classes(start):
    """Signs are the same everywhere, so that 2.5 radii reach the corner from any point."""
    x, y, W = two_classes()
    generator = None if start is None else stream(start, "start")
    x_adv = attacks.pgd(by_hand(W), x, y, EPS, 20, 2.5 * EPS / 20, generator)
    torch.testing.assert_close(x_adv, attacks.fgsm(by_hand(W), x, y, EPS), rtol=0, atol=1e-15)


def test_pgd_by_hand_in_two_steps():
    x, y, W = images()
    g, alpha = by_hand(W), 0.07
    expected = x
    for _ in range(2):
        expected = expected + alpha * g(expected, y).sign()
        expected = torch.minimum(torch.maximum(expected, x - EPS), x + EPS).clamp(0, 1)
    own = attacks.pgd(g, x, y, EPS, 2, alpha)
    torch.testing.assert_close(own, expected, rtol=0, atol=1e-15)


def test_pgd_stays_in_the_ball_and_starts_all_over_it():
    x, y, W = images(60)
    far = attacks.pgd(by_hand(W), x, y, EPS, 5, EPS, stream(0, "start"))
    start = attacks.pgd(by_hand(W), x, y, EPS, 0, EPS, stream(0, "start"))
    for x_adv in (far, start):
        assert (x_adv - x).abs().max() <= EPS + 1e-15 and 0 <= x_adv.min() <= x_adv.max() <= 1
    inner = ((x > EPS) & (x < 1 - EPS)).nonzero(as_tuple=True)
    shift = (start - x)[inner] / EPS
    assert abs(shift.mean()) < 0.05 and abs(shift.var() - 1 / 3) < 0.02
    again = attacks.pgd(by_hand(W), x, y, EPS, 0, EPS, stream(0, "start"))
    assert torch.equal(start, again)


def square_of_one(scores, x, y, draws, queries):
    """Square attack on one image in plain loops; ``draws`` are its own of each query."""
    best, used = x.clone(), 0
    margin = attacks.margins(scores(x[None]), y[None]).item()
    for i, draw in enumerate(draws[:queries]):
        if margin <= 0:
            break
        tried = best.clone()
        if i == 0:
            for c in range(CHANNELS):
                for j in range(SIDE):
                    sign = 1 if draw[c, 0, j] < 0.5 else -1
                    for r in range(SIDE):
                        tried[c, r, j] = min(max(x[c, r, j] + sign * EPS, 0), 1)
        else:
            where, signs = draw
            share = i / queries
            halvings = sum(share > at for at in (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8))
            side = max(round(math.sqrt(0.8 / 2**halvings * SIDE * SIDE)), 1)
            top, left = (int(u * (SIDE - side + 1)) for u in where)
            for c in range(CHANNELS):
                sign = 1 if signs[c, 0, 0] < 0.5 else -1
                for r in range(top, top + side):
                    for j in range(left, left + side):
                        tried[c, r, j] = min(max(x[c, r, j] + sign * EPS, 0), 1)
        used += 1
        found = attacks.margins(scores(tried[None]), y[None]).item()
        if found < margin:
            best, margin = tried, found
    return best, used


def test_square_is_its_algorithm_image_by_image():
    x, y, W = images()
    right = (x.flatten(1) @ W.T).argmax(1)
    y[:8] = right[:8]
    scores, queries, n = (lambda z: (0.2 * z.flatten(1) @ W.T).sinh()), 40, len(x)
    found = attacks.square(scores, x, y, EPS, queries, stream(5, "square"))
    g = stream(5, "square")
    draws = [torch.rand(n, CHANNELS, 1, SIDE, generator=g)]
    for _ in range(queries - 1):
        draws.append((torch.rand(n, 2, generator=g), torch.rand(n, CHANNELS, 1, 1, generator=g)))
    used = []
    for i in range(n):
        own = [draws[0][i]] + [(where[i], signs[i]) for where, signs in draws[1:]]
        expected, asked = square_of_one(scores, x[i], y[i], own, queries)
        assert torch.equal(found.x[i], expected)
        used.append(asked)
    assert found.queries.tolist() == used
    assert 0 in used and queries in used and len(set(used)) > 2  # wrong before, never, on the way


def test_square_counts_what_it_asks():
    x, y, W = images()
    asked = torch.zeros(len(x), dtype=torch.int64)

    def scores(z):
        for one in z:
            near = (x - one).abs().flatten(1).amax(1)
            asked[near.argmin()] += 1
        return z.flatten(1) @ W.T

    found = attacks.square(scores, x, y, EPS, 15, stream(0, "square"))
    assert torch.equal(found.queries, asked - 1)  # the image itself is not counted


def test_margins():
    scores = torch.tensor([[1.0, 4.0, 2.0], [1.0, 4.0, 2.0]])
    assert attacks.margins(scores, torch.tensor([1, 2])).tolist() == [2.0, -2.0]


def test_corruptions():
    x, *_ = images(400)
    middle = torch.full_like(x, 0.5)
    shift = attacks.noise(middle, 0.1, stream(0, "noise")) - 0.5
    assert abs(shift.mean()) < 2e-3 and abs(shift.std() - 0.1) < 2e-3
    wide = attacks.noise(x, 1.0, stream(0, "noise"))
    assert wide.min() == 0 and wide.max() == 1
    mean = x.mean((2, 3), keepdim=True)
    torch.testing.assert_close(attacks.contrast(x, 0.3), 0.3 * x + 0.7 * mean)
    by_scipy = gaussian_filter(x[:5].numpy(), (0, 0, 1, 1), mode="mirror", truncate=3)
    torch.testing.assert_close(attacks.blur(x[:5], 1.0), torch.from_numpy(by_scipy))
