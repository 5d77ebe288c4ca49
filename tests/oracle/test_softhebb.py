"""SoftHebb by hand: unit by unit, sample by sample, and place by place of a convolution."""

import pytest
import torch
import torch.nn.functional as F

from benchmark.algorithms.softhebb import SoftHebb
from benchmark.errors import UserError
from benchmark.networks.resnet import ResNet20
from benchmark.streams import stream
from tests.oracle.convnet import conv_data, conv_network
from tests.oracle.tiny import assert_updates, data, network


def hebbian(X, W, temperature, anti, samples):
    """-sum y_k (x - u_k w_k) / samples over the rows of X, one after the other."""
    update = torch.zeros_like(W)
    for x in X:
        u = W @ x
        y = (u / temperature).exp() / (u / temperature).exp().sum()
        if anti:
            y = torch.where(u == u.max(), y, -y)
        for k, w in enumerate(W):
            update[k] -= y[k] * (x - u[k] * w) / samples
    return update


def unit(c):
    return c / c.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("anti", [False, True])
def test_update(anti):
    net, _ = network(activation="tanh")
    rule = SoftHebb(net, classes=3, temperature=0.3, anti_hebbian=anti, forgetting=0.6).double()
    x, y, t = data()
    W1, W2, W3 = (block.synapse.weight.detach() for block in rule.blocks)
    means = [torch.zeros(n).double() for n in (6, 5, 4)]
    for _ in range(2):
        x1 = unit(x - means[0])
        h1 = torch.tanh(x1 @ W1.T)
        x2 = unit(h1 - means[1])
        h2 = torch.tanh(x2 @ W2.T)
        x3 = 2 * unit(h2 - means[2])
        e = (x3 @ W3.T).softmax(1) - t
        hidden = [hebbian(X, W, 0.3, anti, 6) for X, W in ((x1, W1), (x2, W2))]
        assert_updates(rule, x, y, [*hidden, e.T @ x3 / 6])
        torch.testing.assert_close(rule.predict(x.view(-1, 1, 2, 3)), x3 @ W3.T)
        rule.after_step(rule.credit(x.view(-1, 1, 2, 3), y))
        means = [0.6 * m + 0.4 * h.mean(0) for m, h in zip(means, (x, h1, h2), strict=True)]


def test_places_of_a_convolution_are_samples_that_are_summed():
    rule = SoftHebb(conv_network(), temperature=0.3).double()
    x, y = conv_data()
    block = rule.blocks[0]
    patches = F.unfold(unit(x.flatten(1)).view_as(x), 3).transpose(1, 2).reshape(-1, 9)
    ones = torch.ones(len(patches), 1).double()
    weight, bias = block.synapse.weight.detach(), block.synapse.bias.detach()
    W = torch.cat([weight.flatten(1), bias[:, None]], 1)
    expected = hebbian(torch.cat([patches, ones], 1), W, 0.3, False, len(x))
    parameters = [block.synapse.weight, block.synapse.bias]
    own = torch.autograd.grad(rule.credit(x, y).objective, parameters)
    torch.testing.assert_close(own[0].flatten(1), expected[:, :-1])
    torch.testing.assert_close(own[1], expected[:, -1])


def test_a_unit_that_always_wins_becomes_the_direction_of_its_input():
    """The fixed point of y (x - u w) where y is 1: w is x, of length 1."""
    net, _ = network(hidden=(2,))
    rule = SoftHebb(net, classes=3, temperature=1e-3).double()
    x = torch.rand(1, 1, 2, 3, generator=stream(0, "x"), dtype=torch.float64)
    W = rule.blocks[0].synapse.weight
    W.data[1] = -W.data[0]
    winner = int((W @ x.flatten()).argmax())
    for _ in range(200):
        (g,) = torch.autograd.grad(rule.credit(x, torch.tensor([0])).objective, [W])
        W.data -= 0.1 * g
    torch.testing.assert_close(W[winner].detach(), unit(x.flatten(1))[0], rtol=0, atol=1e-6)


def test_the_read_out_may_have_a_rate_of_its_own():
    net, _ = network()
    hidden, readout = SoftHebb(net, classes=3, readout_lr=0.2).param_groups()
    assert readout["lr"] == 0.2 and "lr" not in hidden
    assert len(hidden["params"]) == 2 and len(readout["params"]) == 1


def test_residual_blocks_are_refused():
    with pytest.raises(UserError, match="plain blocks"):
        SoftHebb(ResNet20((3, 8, 8), 10, stream(0, "init")))
