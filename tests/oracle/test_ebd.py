"""Error broadcast and decorrelation, by hand: two steps of running correlations."""

import math

import pytest
import torch

from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.ebd import EBD
from tests.oracle.tiny import data, network, updates


def built(cls=EBD, **options):
    net, W = network(activation="tanh")
    x, y, t = data()
    return cls(net, classes=3, **options).double(), W, x, y, t


def passed(W, x, t):
    h1 = torch.tanh(x @ W[0].T)
    h2 = torch.tanh(h1 @ W[1].T)
    return h1, h2, (h2 @ W[2].T).softmax(1) - t


def step(rule, x, y):
    with torch.no_grad():
        rule.after_step(rule.credit(x.view(-1, 1, 2, 3), y))


def assert_close(found, expected):
    for own, by_hand in zip(found, expected, strict=True):
        torch.testing.assert_close(own, by_hand, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("memory", "start"), [(0.0, 1.0), (0.7, 0.0), (0.7, 0.3)])
def test_update_of_the_second_step(memory, start):
    rule, W, x, y, t = built(memory=memory, start=start)
    first = [rule.get_buffer(f"R{k}").T.clone() for k in range(2)]
    bounds = [start * math.sqrt(6 / (3 + n)) for n in (5, 4)]
    assert all(
        (0.6 * b if start else 0) <= R.abs().max() <= b for R, b in zip(first, bounds, strict=True)
    )
    step(rule, x, y)
    x, n = x.flip(1), len(x)
    expected, olds = [], passed(W, x.flip(1), t)
    h1, h2, e = passed(W, x, t)
    for R0, h, h_old, below in ((first[0], h1, olds[0], x), (first[1], h2, olds[1], h1)):
        R = memory * (memory * R0 + (1 - memory) * h_old.T @ olds[2] / n)
        R = R + (1 - memory) * h.T @ e / n
        expected.append(((e @ R.T) * (1 - h * h)).T @ below / n)
    assert_close(updates(rule, x, y), [*expected, e.T @ h2 / n])


def test_it_is_the_gradient_of_the_paper_s_criterion():
    """By autograd on J_1 itself, with e held; divided by 1 - lambda as the learning rate is."""
    memory, power, level, entropy, eps = 0.6, 0.2, 0.1, 0.05, 0.3
    options = {"power": power, "level": level, "entropy": entropy, "eps": eps, "start": 0.0}
    rule, W, x, y, t = built(memory=memory, **options)
    step(rule, x, y)
    n, e, old = len(x), passed(W, x, t)[2], passed(W, x, t)[0]
    W1 = W[0].clone().requires_grad_()
    h = torch.tanh(x @ W1.T)
    R = memory * (1 - memory) * old.T @ e / n + (1 - memory) * h.T @ e / n
    C = memory * (memory * torch.eye(5, dtype=h.dtype) + (1 - memory) * old.T @ old / n)
    C = C + (1 - memory) * h.T @ h / n
    P = (h.square().mean(0) - level).square().sum()
    H = torch.logdet(C + eps * torch.eye(5, dtype=C.dtype)) / 2
    J = (R.square().sum() / 2 - entropy * H) / (1 - memory) + power * P
    (expected,) = torch.autograd.grad(J, W1)
    torch.testing.assert_close(updates(rule, x, y)[0], expected, rtol=1e-9, atol=1e-12)


def test_with_a_drawn_correlation_that_stays_it_is_dfa():
    """As lambda goes to 1; the difference is O(1 - lambda)."""
    dfa, _, x, y, _ = built(DFA)
    expected, gaps = updates(dfa, x, y), []
    for gap in (1e-2, 1e-4):
        rule, *_ = built(memory=1 - gap, entropy=0.0)
        for k in range(2):
            rule.get_buffer(f"R{k}").copy_(dfa.get_buffer(f"B{k}"))
        pairs = zip(updates(rule, x, y), expected, strict=True)
        gaps.append(max((a - b).abs().max().item() for a, b in pairs))
    assert math.isclose(gaps[0] / gaps[1], 100, rel_tol=0.01)
