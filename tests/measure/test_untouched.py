"""Whatever a module does inside ``untouched``, no trace is left."""

import copy

import pytest
import torch
from torch import nn

from benchmark.measure.untouched import untouched
from benchmark.networks import Dropout
from benchmark.streams import stream


class Stateful(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm, self.dropout = nn.Linear(3, 4), nn.BatchNorm1d(4), Dropout(0.5)
        self.register_buffer("transient", torch.zeros(2), persistent=False)
        self.seen, self.counts = [], {"calls": 0}

    def forward(self, x):
        h = self.dropout(self.norm(self.linear(x)))
        self.seen.append(h)
        self.counts["calls"] += 1
        self.last = h
        self.transient = self.transient + 1
        with torch.no_grad():
            self.linear.weight.mul_(1.1)
        return h


@pytest.fixture
def net():
    net = Stateful()
    net.dropout.renew(stream(0, "mask"))
    net(torch.randn(5, 3, generator=stream(0, "x")))
    return net.eval()


def test_everything_is_as_before(net):
    tensors = dict(net.named_parameters()) | dict(net.named_buffers())
    before = copy.deepcopy({name: t.detach() for name, t in tensors.items()})
    mask, last, generator = net.dropout.mask, net.last, net.dropout.generator
    drawn = generator.get_state()
    with untouched(net):
        net.train()
        net.dropout.renew(stream(0, "other"))
        net(torch.randn(5, 3, generator=stream(1, "x")))
        net.extra = 1
        assert not torch.equal(net.norm.running_mean, before["norm.running_mean"])
    after = dict(net.named_parameters()) | dict(net.named_buffers())
    for name, tensor in tensors.items():
        assert after[name] is tensor
        assert torch.equal(tensor, before[name]), name
    assert net.dropout.mask is mask and net.last is last and net.dropout.generator is generator
    assert torch.equal(generator.get_state(), drawn)
    assert len(net.seen) == 1 and net.counts == {"calls": 1}
    assert not net.training and not net.norm.training and not hasattr(net, "extra")


def test_restores_after_an_error(net):
    weight = net.linear.weight.detach().clone()
    with pytest.raises(RuntimeError), untouched(net):
        net(torch.zeros(5, 3))
        net(torch.zeros(5, 7))
    assert torch.equal(net.linear.weight, weight)
