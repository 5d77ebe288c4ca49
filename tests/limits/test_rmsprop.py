"""RMSprop in one pass is RMSprop."""

import copy

import pytest
import torch

from benchmark.engine.optim import Optim
from benchmark.engine.rmsprop import RMSprop
from benchmark.streams import stream

SHAPES = [(7, 5), (5,)]


def parameters():
    generator = stream(0, "weights")
    return [torch.nn.Parameter(torch.randn(s, generator=generator).double()) for s in SHAPES]


def take_steps(optimizer, params, first=0, n=60):
    """Gradients of very different sizes; none for the second parameter in the first 20 steps."""
    for k in range(first, first + n):
        for i, p in enumerate(params):
            g = torch.randn(p.shape, generator=stream(k, i)).double() * 10.0 ** (-k % 7)
            p.grad = None if i and k < 20 else g
        optimizer.step()


def test_by_hand():
    """Torch7's optim.rmsprop: v <- 0.99 v + 0.01 g^2, W <- W - lr g / (sqrt(v) + 1e-8)."""
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
    optimizer = Optim(name="rmsprop", lr=0.1).build([{"params": [p]}])
    w, v = p.detach().clone(), torch.zeros(2, dtype=torch.float64)
    for g in ([0.5, 0.0], [-1.0, 1e-9], [3.0, 2e-9]):
        g = torch.tensor(g, dtype=torch.float64)
        p.grad = g.clone()
        optimizer.step()
        v = 0.99 * v + 0.01 * g * g
        w = w - 0.1 * g / (v.sqrt() + 1e-8)
        torch.testing.assert_close(p.detach(), w, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_equals_torchs_and_goes_on_from_its_state(weight_decay):
    ours, theirs = parameters(), parameters()
    options = {"lr": 0.01, "weight_decay": weight_decay}
    torchs = torch.optim.RMSprop([{"params": theirs}], **options)
    take_steps(torchs, theirs)
    one_pass = RMSprop([{"params": ours}], **options)
    take_steps(one_pass, ours)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    resumed = RMSprop([{"params": ours}], **options)
    resumed.load_state_dict(copy.deepcopy(torchs.state_dict()))
    take_steps(resumed, ours, first=60)
    take_steps(torchs, theirs, first=60)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_momentum_is_torchs():
    groups = [{"params": parameters()}]
    assert isinstance(Optim(name="rmsprop").build(groups), RMSprop)
    assert not isinstance(Optim(name="rmsprop", momentum=0.9).build(groups), RMSprop)
