"""Counter-current learning by hand, and as local losses whose heads are the codes of the labels."""

import pytest
import torch
import torch.nn.functional as F

from benchmark.algorithms.bp import BP
from benchmark.algorithms.ccl import CCL
from benchmark.algorithms.dgl import DGL
from benchmark.credit.decoders import Mirror
from benchmark.errors import UserError
from benchmark.networks import Block
from benchmark.networks.mlp import MLP
from benchmark.networks.resnet import ResNet20
from benchmark.streams import stream
from tests.oracle.convnet import conv_network
from tests.oracle.tiny import data, network, updates


def built(cls=CCL, **options):
    net, W = network(activation="tanh")
    x, y, t = data()
    return cls(net, classes=3, **options).double(), W, x, y, t


def feedback(ccl):
    return [mirror.synapse.weight for mirror in ccl.mirrors]


def test_updates_of_both_networks():
    """dl_k/dh_k and dl_k/dc_k by hand, through one nonlinearity each."""
    ccl, (W1, W2, W3), x, y, t = built(scale=20.0)
    B2, B3 = (B.detach().clone() for B in feedback(ccl))
    h1 = torch.tanh(x @ W1.T)
    h2 = torch.tanh(h1 @ W2.T)
    c2 = torch.tanh(torch.eye(3, dtype=x.dtype) @ B3.T)
    c1 = torch.tanh(c2 @ B2.T)
    e = (h2 @ W3.T).softmax(1) - t
    n, classes = len(x), 3

    def gap(h, c):
        return 20 / h.shape[1] * 2 * (h @ c.T - t) / (n * classes)

    g1, g2 = gap(h1, c1), gap(h2, c2)
    expected = [
        ((g1 @ c1) * (1 - h1**2)).T @ x,
        ((g2 @ c2) * (1 - h2**2)).T @ h1,
        e.T @ h2 / n,
        ((g1.T @ h1) * (1 - c1**2)).T @ c2,
        ((g2.T @ h2) * (1 - c2**2)).T @ torch.eye(3, dtype=x.dtype),
    ]
    weights = [*(b.synapse.weight for b in ccl.net.blocks), *feedback(ccl)]
    objective = ccl.credit(x.view(-1, 1, 2, 3), y).objective
    for own, by_hand in zip(torch.autograd.grad(objective, weights), expected, strict=True):
        torch.testing.assert_close(own, by_hand, rtol=1e-10, atol=1e-12)


def test_its_hidden_layers_learn_as_those_of_dgl_with_codes_for_heads():
    ccl, _, x, y, t = built(scale=30.0)
    dgl, *_ = built(DGL, loss="mse", head_bias=False)
    for head, c in zip(dgl.heads, ccl.codes(t), strict=True):
        head.weight.data = c.detach()
    for own, theirs, units in zip(updates(ccl, x, y)[:2], updates(dgl, x, y), (5, 4), strict=False):
        torch.testing.assert_close(own, 2 * 30 / (units * 3) * theirs)


def test_without_local_losses_the_output_alone_learns_as_in_backprop():
    ccl, _, x, y, _ = built(scale=0.0)
    *hidden, output = updates(ccl, x, y)
    assert not any(g.any() for g in hidden)
    assert torch.equal(output, updates(built(BP)[0], x, y)[-1])


def test_codes_of_convolutions():
    ccl = CCL(conv_network()).double()
    B2, B3 = feedback(ccl)
    c2 = torch.tanh(B3.T.reshape(3, 2, 2, 2))
    c1 = torch.tanh(F.conv_transpose2d(c2, B2, None, 2, 1, 1, groups=2))
    for own, by_hand in zip(ccl.codes(torch.zeros(1, 3).double()), (c1, c2), strict=True):
        torch.testing.assert_close(own, by_hand)


def test_codes_of_pooled_layers_are_spread_out():
    below = Block(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Tanh())
    block = Block(torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.Tanh(), pool=torch.nn.MaxPool2d(2))
    mirror = Mirror(block, below, (2, 4, 4))
    c = torch.rand(5, 3, 2, 2)
    wide = c.repeat_interleave(2, 2).repeat_interleave(2, 3)
    by_hand = torch.tanh(F.conv_transpose2d(wide, mirror.synapse.weight, None, 1, 1))
    torch.testing.assert_close(mirror(c), by_hand)


def test_a_single_layer_and_residual_blocks_are_one_line():
    with pytest.raises(UserError, match="hidden layer"):
        CCL(MLP((1, 2, 3), 3, stream(0, "init"), hidden=()))
    with pytest.raises(UserError, match="no mirror"):
        CCL(ResNet20((3, 8, 8), 10, stream(0, "init")))
