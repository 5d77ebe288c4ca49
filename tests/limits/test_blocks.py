"""What makes convolutional blocks fast changes nothing: pooling first, channels-last memory."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from benchmark.algorithms.dtp import DTP
from benchmark.credit.decoders import Decoder, encode
from benchmark.credit.losses import local_update
from benchmark.networks.block import Block, nonlinearity
from benchmark.networks.mlp import MLP

ACTIVATIONS = ["relu", "tanh", "sigmoid", "elu", "linear", "leaky_relu", "hard_tanh"]
generator = torch.Generator().manual_seed(0)
x = torch.randn(5, 2, 8, 8, generator=generator, dtype=torch.float64)


def pooled(activation, dropout=0.0):
    conv = nn.Conv2d(2, 3, 3, padding=1).double()
    block = Block(conv, nonlinearity(activation), pool=nn.MaxPool2d(2), dropout=dropout)
    return block.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_pooling_first_gives_the_same_activity_and_the_same_update(activation):
    block = pooled(activation)
    assert block.pools_first
    textbook = block.pool(block.activation(block.synapse(x)))
    torch.testing.assert_close(block(x), textbook)
    torch.testing.assert_close(encode(block, x)[0], textbook)
    delta = torch.randn(textbook.shape, generator=generator, dtype=x.dtype)
    ours = torch.autograd.grad((delta * block(x)).sum(), block.synapse.weight)
    theirs = torch.autograd.grad((delta * textbook).sum(), block.synapse.weight)
    torch.testing.assert_close(ours, theirs)


def test_an_activation_that_falls_comes_before_pooling():
    block = pooled("gelu")
    textbook = block.pool(block.activation(block.synapse(x)))
    torch.testing.assert_close(block(x), textbook)
    torch.testing.assert_close(encode(block, x)[0], textbook)


def test_elu_is_the_same_with_and_without_a_gradient():
    elu = nonlinearity("elu")
    a = torch.linspace(-30, 30, 1001, dtype=torch.float64)
    torch.testing.assert_close(elu(a), nn.functional.elu(a))
    torch.testing.assert_close(elu(a), elu(a.requires_grad_()).detach())


def test_averages_are_taken_of_activities():
    block = Block(nn.Conv2d(2, 3, 3).double(), nn.Tanh(), pool=nn.AvgPool2d(2))
    torch.testing.assert_close(block(x), block.pool(block.synapse(x).tanh()))


def test_dropout_comes_before_pooling():
    block = pooled("relu", dropout=0.5)
    assert not block.pools_first
    block.dropout.renew(generator)
    h = block(x)
    torch.testing.assert_close(h, block.pool(block.dropout.mask * block.synapse(x).relu()))


def test_the_local_update_does_not_depend_on_the_order_in_memory():
    block = pooled("tanh")
    delta = torch.randn(5, 3, 4, 4, generator=generator, dtype=x.dtype)
    h = block(x)
    assert h.is_contiguous(memory_format=torch.channels_last) and not h.is_contiguous()
    update = torch.autograd.grad(local_update([delta], [h]), block.synapse.weight)
    by_hand = torch.autograd.grad((delta * block(x)).sum() / 5, block.synapse.weight)
    torch.testing.assert_close(update, by_hand)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_difference_of_several_batches_is_that_of_each(activation):
    below, block = Block(nn.Conv2d(2, 2, 1).double()), pooled(activation)
    g = Decoder(block, below, (2, 8, 8), "before").double()
    with torch.no_grad():
        h, switches = encode(block, x)
        t = h + torch.randn(2, *h.shape, generator=generator, dtype=x.dtype)
        both = g.difference(t.flatten(0, 1), h, torch.cat([switches, switches]))
        for t_s, difference in zip(t, both.chunk(2), strict=True):
            torch.testing.assert_close(difference, g(t_s, switches) - g(h, switches))
            unpooled = nn.functional.max_unpool2d
            textbook = [g.synapse(g.activation(unpooled(s, switches, 2))) for s in (t_s, h)]
            torch.testing.assert_close(difference, textbook[0] - textbook[1])


FRESH_PAGES = """
import resource
from benchmark.engine.memory import keep_freed_memory
{call}
for round in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [bytearray(2_000_000 + 300_000 * (i + round % 3)) for i in range(5)]
    del tensors
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="tunes glibc")
def test_freed_memory_is_used_again():
    def faults(call):
        code = FRESH_PAGES.format(call=call)
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout)

    assert faults("keep_freed_memory()") < 100 < faults("")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (3, 1, 0, 2)])
def test_noise_fills_activities_of_any_order_in_memory(order):
    dtp = DTP(MLP((1, 2, 2), 10, generator, hidden=(3,)))
    dtp._noise = torch.Generator().manual_seed(0)
    h = torch.zeros(10, 12, 14, 16).permute(order)
    noise = dtp.noise_like(h, 0.5)
    assert noise.shape == h.shape
    assert abs(noise.mean()) < 0.02 and abs(noise.std() - 0.5) < 0.02
    assert len(noise.unique()) > 0.99 * h.numel()
