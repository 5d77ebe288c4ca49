"""DRTP's conv nets: their sizes, and convolutions that keep the weights they were drawn with."""

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.networks.conv import DRTPConv
from benchmark.streams import stream


def net(frozen, shape=(1, 8, 8), **options):
    options = {"channels": (3,), "kernel": 5, "hidden": (7,)} | options
    return DRTPConv(shape, 4, stream(0, "init"), frozen=frozen, **options).double()


def updates(name, frozen):
    """Gradients of an algorithm's objective, by parameter."""
    algorithm = ALGORITHMS[name](net(frozen), classes=4).double()
    x = torch.randn(6, 1, 8, 8, generator=stream(1, "x"), dtype=torch.float64)
    algorithm.credit(x, torch.tensor([0, 1, 2, 3, 0, 1])).objective.backward()
    trained = [p for group in algorithm.param_groups() for p in group["params"]]
    names = {id(p): name for name, p in algorithm.net.named_parameters()}
    return {names[id(p)]: p.grad for p in trained}


@pytest.mark.parametrize("name", ["bp", "fa", "dfa", "drtp"])
def test_freezing_convolutions_changes_no_other_update(name):
    trained, frozen = updates(name, False), updates(name, True)
    convolution = {"blocks.0.synapse.weight", "blocks.0.synapse.bias"}
    assert trained.keys() - frozen.keys() == convolution and len(frozen) == 4
    assert all(trained[key].abs().sum() > 0 for key in convolution)
    for key, update in frozen.items():
        assert torch.equal(update, trained[key])


def test_the_papers_sizes():
    mnist = net(False, (1, 28, 28), channels=(32,), kernel=5, hidden=(1000,))
    assert mnist.shapes() == [(1, 28, 28), (32, 14, 14), (1000,), (4,)]
    cifar = net(False, (3, 32, 32), channels=(64, 256), kernel=3, hidden=(1000, 1000))
    assert cifar.shapes() == [(3, 32, 32), (64, 16, 16), (256, 8, 8), (1000,), (1000,), (4,)]
