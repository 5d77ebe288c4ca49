"""Rules with losses of their own: on one hidden layer each is a known rule on a known network."""

import pytest
import torch
from torch import nn

from benchmark import as_network
from benchmark.algorithms.bp import BP
from benchmark.algorithms.cwc import CwC
from benchmark.algorithms.dgl import DGL
from benchmark.algorithms.ff import FF
from benchmark.algorithms.noprop import NoProp
from benchmark.algorithms.scff import SCFF
from benchmark.algorithms.sigprop import SigProp
from benchmark.credit.goodness import Goodness
from benchmark.streams import stream
from tests.oracle.tiny import data, network

SHAPE = (1, 2, 3)


class Square(nn.Module):
    def forward(self, h):
        return h.square()


class Direction(nn.Module):
    def forward(self, h):
        return h / h.norm(dim=1, keepdim=True)


def first_update(rule, x, y):
    """Gradient at the weights of the lowest synapse."""
    objective = rule.credit(x, y).objective
    return torch.autograd.grad(objective, next(rule.net.parameters()))[0]


def chain(W, *layers):
    """A network of one synapse with weights ``W`` and the layers behind it, in float64."""
    synapse = nn.Linear(W.shape[1], W.shape[0], bias=False).double()
    synapse.weight.data.copy_(W)
    return as_network(nn.Sequential(nn.Flatten(), synapse, *layers), SHAPE)


@pytest.mark.parametrize("width", [3, 6])
def test_cwc_of_one_layer_is_backprop_through_squares_and_means(width):
    """Softmax regression on the goodness of the classes' units."""
    net, (W, _) = network(hidden=(width,))
    x, y, _ = data()
    images = x.view(-1, *SHAPE)
    cwc = CwC(net, length="none").double()
    bp = BP(chain(W, nn.ReLU(), Square(), nn.AvgPool1d(width // 3)))
    torch.testing.assert_close(first_update(cwc, images, y), first_update(bp, images, y))
    torch.testing.assert_close(cwc.predict(images), bp.predict(images))


def test_cwc_of_two_layers_is_two_backprops_that_know_of_no_other():
    """The upper one on what the lower one gives it."""
    net, (W1, W2, _) = network(hidden=(6, 3))
    x, y, _ = data()
    images = x.view(-1, *SHAPE)
    cwc = CwC(net, length="none").double()
    below = net.blocks[0](images).detach().view(-1, *SHAPE)
    own = torch.autograd.grad(cwc.credit(images, y).objective, list(net.parameters()))
    for g, at, W, units in ((own[0], images, W1, 2), (own[1], below, W2, 1)):
        bp = BP(chain(W, nn.ReLU(), Square(), nn.AvgPool1d(units)))
        torch.testing.assert_close(g, first_update(bp, at, y))


@pytest.mark.parametrize("kind", ["sum", "mean"])
@pytest.mark.parametrize("length", ["none", "rms"])
def test_scff_is_ff_on_pairs_side_by_side_whose_weights_are_tied(kind, length, monkeypatch):
    """ff on [x_i, x_i] and [x_i, x_j] with weights [W, W]: scff's gradient at W is the sum of the
    two at its copies. A pair of images of one length has a length that no mixing changes."""
    x, y, _ = data(n=3)
    images = x.view(-1, *SHAPE)
    options = {"goodness": Goodness(kind, threshold=0.1), "length": length}
    net, (W, _) = network(hidden=(5,))
    scff = SCFF(net, classes=3, **options).double()
    wide, _ = network(hidden=(5,), in_shape=(2, 2, 3))
    wide.blocks[0].synapse.weight.data.copy_(torch.cat([W, W], 1))
    ff = FF(wide, classes=3, data="unsupervised", predict_by="readout", **options).double()
    seen = images if length == "none" else (x / x.square().mean(1, True).sqrt()).view_as(images)
    pairs = [torch.cat([seen, other], 1) for other in (seen, seen.roll(1, 0))]
    monkeypatch.setattr(ff, "contrasted", lambda *_: [*pairs, y])
    left, right = first_update(ff, torch.cat([images, images], 1), y).split(6, 1)
    assert not torch.allclose(left, right)
    torch.testing.assert_close(first_update(scff, images, y), left + right)


def sigprop(S, tau=0.3):
    """On one hidden ReLU layer, with targets relu(S)."""
    net, (W, _) = network(hidden=(len(S),))
    rule = SigProp(net, classes=3, tau=tau).double()
    rule.S.weight.data.copy_(S)
    return rule, W


def test_sigprop_with_the_one_hot_codes_as_targets_is_backprop_of_directions():
    """One unit a class, S = I: the classes' logits are the layer's direction, over tau."""
    rule, W = sigprop(torch.eye(3, dtype=torch.float64))
    x, y, _ = data()
    images = x.view(-1, *SHAPE)
    output = nn.Linear(3, 3, bias=False).double()
    output.weight.data.copy_(torch.eye(3) / 0.3)
    bp = BP(as_network([chain(W, nn.ReLU(), Direction()), output], SHAPE))
    torch.testing.assert_close(first_update(rule, images, y), first_update(bp, images, y))


def test_sigprop_s_targets_are_the_head_of_dgl():
    """On one hidden layer: the directions of t_1, over tau, as a head on the direction of h_1."""
    S = torch.rand(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    rule, W = sigprop(S)
    x, y, _ = data()
    images = x.view(-1, *SHAPE)
    output = rule.net.blocks[-1].synapse
    dgl = DGL(as_network([chain(W, nn.ReLU(), Direction()), output], SHAPE), head_bias=False)
    dgl = dgl.double()
    t = S.T / S.T.norm(dim=1, keepdim=True)
    dgl.heads[0].weight.data.copy_(t / 0.3)
    torch.testing.assert_close(first_update(rule, images, y), first_update(dgl, images, y))


class Probabilities(nn.Module):
    def forward(self, logits):
        return logits.softmax(1)


def test_noprop_of_one_block_is_backprop_of_a_network_that_reads_noised_labels():
    """A hidden layer on the image and z_0, its softmax under the squared error; and softmax
    regression on z_1."""
    net, _ = network(hidden=(5,), activation="tanh")
    rule = NoProp(net, classes=3, eta=0.3).double()
    x, y, u = data()
    rule._noise = stream(0, "noise")
    generator = stream(0, "noise")
    eps1, eps0 = (torch.empty_like(u).normal_(generator=generator) for _ in range(2))
    z0, z1 = (
        a**0.5 * u + (1 - a) ** 0.5 * eps for a, eps in zip(rule.abar, (eps0, eps1), strict=True)
    )
    weights = [rule.blocks[0].synapse.weight, rule.heads[0].weight, rule.blocks[1].synapse.weight]
    W, A, out = torch.autograd.grad(rule.credit(x.view(-1, *SHAPE), y).objective, weights)

    chained = [nn.Linear(9, 5, bias=False), nn.Tanh(), nn.Linear(5, 3, bias=False)]
    bp = BP(as_network([*chained, Probabilities()], (9,)), loss="mse").double()
    for p, w in zip(bp.net.parameters(), weights, strict=False):
        p.data.copy_(w)
    objective = bp.credit(torch.cat([x, z0], 1), y).objective
    expected = torch.autograd.grad(objective, [*bp.net.parameters()])
    snr = [a / (1 - a) for a in rule.abar]
    for own, other in zip((W, A), expected, strict=True):
        torch.testing.assert_close(own, 0.3 * (snr[1] - snr[0]) * other)

    bp = BP(as_network(nn.Sequential(nn.Linear(3, 3, bias=False)), (3,))).double()
    next(bp.net.parameters()).data.copy_(weights[2])
    torch.testing.assert_close(out, first_update(bp, z1, y))
