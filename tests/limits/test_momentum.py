"""Momentum that absorbs gradients is SGD with momentum, in whatever way the gradients come."""

import pytest
import torch

from benchmark.engine.momentum import MomentumSGD
from benchmark.engine.optim import Optim
from benchmark.networks.linear import Linear

OPTIM = Optim(name="sgd", lr=0.1, momentum=0.9)


def layer():
    torch.manual_seed(0)
    return Linear(5, 4).double()


def train(synapse, optimizer, steps, start=0):
    """Steps whose objective reads W once, twice, and besides as it is, in turns."""
    for i in range(start, start + steps):
        x = torch.randn(3, 2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(i))
        optimizer.zero_grad()
        objective = synapse(x).square().sum()
        if i % 3 > 0:
            objective = objective + synapse(x.cos()).sin().sum()
        if i % 3 > 1:
            objective = objective + synapse.weight.square().sum()
        optimizer.absorbing = True
        objective.backward()
        optimizer.absorbing = False
        optimizer.step()


@pytest.fixture(autouse=True)
def every_matrix_is_large(monkeypatch):
    monkeypatch.setattr(MomentumSGD, "large", 1)


def test_it_is_sgd_with_momentum():
    plain, ours = layer(), layer()
    train(plain, torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9), 7)
    optimizer = OPTIM.build([{"params": [*ours.parameters()]}], may_absorb=True)
    train(ours, optimizer, 7)
    assert isinstance(optimizer, MomentumSGD) and ours.weight.grad is None
    torch.testing.assert_close(ours.weight, plain.weight)
    torch.testing.assert_close(ours.bias, plain.bias)


def test_resumed_with_another_rate_it_goes_on_as_torch_does():
    after = []
    for may_absorb in (False, True):
        synapse = layer()
        optimizer = OPTIM.build([{"params": [*synapse.parameters()]}], may_absorb)
        train(synapse, optimizer, 4)
        state = optimizer.state_dict()
        state["param_groups"][0]["lr"] = 0.01
        optimizer = OPTIM.build([{"params": [*synapse.parameters()]}], may_absorb)
        optimizer.load_state_dict(state)
        train(synapse, optimizer, 4, start=4)
        after.append(synapse.weight)
    torch.testing.assert_close(*after)


def test_gradients_asked_for_in_passing_are_not_absorbed():
    synapse = layer()
    optimizer = OPTIM.build([{"params": [*synapse.parameters()]}], may_absorb=True)
    x = torch.randn(3, 5, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(synapse(x).sum(), synapse.weight)
    torch.testing.assert_close(gradient, x.sum(0).expand(4, 5))
    before = synapse.weight.detach().clone()
    optimizer.step()
    assert torch.equal(synapse.weight, before) and not optimizer.state


@pytest.mark.parametrize(
    "change",
    [{"clip": 1.0}, {"weight_decay": 0.1}, {"nesterov": True}, {"momentum": 0.0}],
    ids=str,
)
def test_what_needs_the_gradient_itself_gets_it(change):
    optim = Optim(**{"name": "sgd", "lr": 0.1, "momentum": 0.9, **change})
    after = []
    for may_absorb in (False, True):
        synapse = layer()
        train(synapse, optim.build([{"params": [*synapse.parameters()]}], may_absorb), 4)
        assert synapse.weight.grad is not None
        after.append(synapse.weight)
    torch.testing.assert_close(*after)
