"""Schedules and optimizers are the papers' formulas."""

import math

import pytest
import torch

from benchmark.engine.optim import Optim


def rates(optim, epochs):
    """The learning rate of each epoch."""
    w = torch.zeros(1, requires_grad=True)
    optimizer = optim.build([{"params": [w]}])
    schedule = optim.build_schedule(optimizer, epochs)
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize(("t_max", "period"), [(None, 12), (10, 10), (5, 5)])
def test_the_cosine_rises_again_after_t_max(t_max, period):
    optim = Optim(lr=0.4, schedule="cosine", t_max=t_max)
    expected = [0.2 * (1 + math.cos(math.pi * epoch / period)) for epoch in range(12)]
    assert rates(optim, 12) == pytest.approx(expected, abs=1e-12)


def test_centred_rmsprop_with_momentum():
    """w <- w + v,  v <- 0.9 v - lr g / (sqrt(E[g^2] - E[g]^2) + eps), means with weight 0.05."""
    w = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    options = {"momentum": 0.9, "alpha": 0.95, "eps": 0.03, "centered": True}
    optimizer = Optim(name="rmsprop", lr=0.01, **options).build([{"params": [w]}])
    by_hand, v = w.detach().clone(), torch.zeros_like(w)
    mean, squares = torch.zeros_like(w), torch.zeros_like(w)
    for _ in range(3):
        optimizer.zero_grad()
        (w**2).sum().backward()
        optimizer.step()
        g = 2 * by_hand
        mean, squares = 0.95 * mean + 0.05 * g, 0.95 * squares + 0.05 * g**2
        v = 0.9 * v - 0.01 * g / ((squares - mean**2).sqrt() + 0.03)
        by_hand = by_hand + v
    torch.testing.assert_close(w.detach(), by_hand, rtol=1e-12, atol=0)
