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


def positive(W, radius):
    """First weights: absolute values, each unit's of one length."""
    return radius * unit(W.abs().flatten(1)).view_as(W)


@pytest.mark.parametrize("anti", [False, True])
def test_update(anti):
    net, (W1, W2, W3) = network()
    options = {"temperature": 0.3, "output_temperature": 0.7, "radius": 2.0, "anti_hebbian": anti}
    rule = SoftHebb(net, classes=3, **options).double()
    x, y, t = data()
    W1, W2 = positive(W1, 2.0), positive(W2, 2.0)
    x1 = unit(x)
    x2 = unit((x1 @ W1.T / 0.7).softmax(1))
    x3 = 2 * unit((x2 @ W2.T / 0.7).softmax(1))
    e = (x3 @ W3.T).softmax(1) - t
    hidden = [hebbian(X, W, 0.3, anti, 6) for X, W in ((x1, W1), (x2, W2))]
    assert_updates(rule, x, y, [*hidden, e.T @ x3 / 6])
    torch.testing.assert_close(rule.predict(x.view(-1, 1, 2, 3)), x3 @ W3.T)


def test_places_of_a_convolution_are_samples_that_are_summed():
    net = conv_network()
    weight = net.blocks[0].synapse.weight.detach().clone()
    rule = SoftHebb(net, temperature=0.3, output_temperature=0.7, radius=2.0).double()
    x, y = conv_data()
    block = rule.blocks[0]
    images = 2 * unit(x.flatten(1)).view_as(x)  # 36 pixels: patches of 9 have length 1 in the mean
    patches = F.unfold(images, 3).transpose(1, 2).reshape(-1, 9)
    ones = torch.ones(len(patches), 1).double()
    weight, bias = positive(weight, 2.0), block.synapse.bias.detach()
    W = torch.cat([weight.flatten(1), bias[:, None]], 1)
    expected = hebbian(torch.cat([patches, ones], 1), W, 0.3, False, len(x))
    parameters = [block.synapse.weight, block.synapse.bias]
    own = torch.autograd.grad(rule.credit(x, y).objective, parameters)
    torch.testing.assert_close(own[0].flatten(1), expected[:, :-1])
    torch.testing.assert_close(own[1], expected[:, -1])
    h = (F.conv2d(images, weight, bias) / 0.7).softmax(1)
    torch.testing.assert_close(block(rule.scaled(x, block)), h)


def test_a_cold_competition_is_winner_take_all():
    """As the temperature falls y is 1 for the winner and 0 for all others: each unit's update is
    x - u w, summed over the inputs that it wins."""
    net, (W, _) = network(hidden=(5,))
    rule = SoftHebb(net, classes=3, temperature=1e-4).double()
    x, y, _ = data()
    W = positive(W, 5.0)
    x1 = unit(x)
    u = x1 @ W.T
    winner = u.argmax(1)
    expected = torch.zeros_like(W)
    for n, k in enumerate(winner):
        expected[k] -= (x1[n] - u[n, k] * W[k]) / 6
    objective = rule.credit(x.view(-1, 1, 2, 3), y).objective
    (own,) = torch.autograd.grad(objective, [rule.blocks[0].synapse.weight])
    torch.testing.assert_close(own, expected)


def learned(x, units, **options):
    """First weights, and those after many steps, of a layer that sees one batch."""
    net, _ = network(hidden=(units,))
    rule = SoftHebb(net, classes=3, temperature=1e-3, **options).double()
    W = rule.blocks[0].synapse.weight
    for _ in range(400):
        objective = rule.credit(x.view(-1, 1, 2, 3), torch.zeros(len(x)).long()).objective
        (g,) = torch.autograd.grad(objective, [W])
        W.data -= 0.1 * g
    return W.detach()


def test_a_unit_that_always_wins_becomes_the_direction_of_its_input():
    """The fixed point of y (x - u w) where y is 1: w is x, of length 1."""
    x = torch.rand(1, 6, generator=stream(0, "x"), dtype=torch.float64)
    W = learned(x, 1)
    torch.testing.assert_close(W, unit(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("radius", "winners"), [(5.0, 3), (0.5, 1)])
def test_units_that_start_long_leave_each_other_something_to_win(radius, winners):
    """A winner that shrinks loses the next inputs, and each of three units gets one of three. Of
    units that start short one grows, and takes them all."""
    x = torch.eye(6, dtype=torch.float64)[:3] + 2
    won = (unit(x) @ learned(x, 3, radius=radius).T).argmax(1)
    assert len({*won.tolist()}) == winners


def test_the_read_out_may_have_a_rate_of_its_own():
    net, _ = network()
    hidden, readout = SoftHebb(net, classes=3, readout_lr=0.2).param_groups()
    assert readout["lr"] == 0.2 and "lr" not in hidden
    assert len(hidden["params"]) == 2 and len(readout["params"]) == 1


def test_residual_blocks_are_refused():
    with pytest.raises(UserError, match="plain blocks"):
        SoftHebb(ResNet20((3, 8, 8), 10, stream(0, "init")))
