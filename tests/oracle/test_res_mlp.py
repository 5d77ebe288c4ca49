"""Residual networks by hand, and their sizes at the start: muPC keeps them, no scaling does not."""

import math

import pytest
import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.pc import PC
from benchmark.data.mnist5k import Mnist5k
from benchmark.errors import UserError
from benchmark.networks.res_mlp import ResMLP
from benchmark.streams import stream
from tests.oracle.tiny import assert_updates, data

SCALES = {  # a_1, a_2, a_3 for 6 inputs, 5 hidden units, 3 layers
    "none": (1, 1, 1),
    "depth": (1, 1 / math.sqrt(3), 1),
    "mupc": (1 / math.sqrt(6), 1 / math.sqrt(15), 1 / 5),
}
scalings = pytest.mark.parametrize("scaling", list(SCALES))


def built(scaling):
    net = ResMLP((1, 2, 3), 3, stream(1, "init"), hidden=(5, 5), activation="tanh", scaling=scaling)
    net = net.double()
    return net, [block.synapse.weight.detach().clone() for block in net.blocks]


def forward(x, W, a):
    z1 = a[0] * x @ W[0].T
    z2 = z1 + a[1] * torch.tanh(z1) @ W[1].T
    return z1, z2, a[2] * torch.tanh(z2) @ W[2].T


@scalings
def test_forward(scaling):
    net, W = built(scaling)
    x, *_ = data()
    *_, logits = forward(x, W, SCALES[scaling])
    torch.testing.assert_close(net(x.view(-1, 1, 2, 3)), logits)


@scalings
def test_backprop(scaling):
    net, W = built(scaling)
    x, y, t = data()
    a, n = SCALES[scaling], len(x)
    z1, z2, logits = forward(x, W, a)
    h1, h2 = torch.tanh(z1), torch.tanh(z2)
    e = logits.softmax(1) - t
    d2 = (a[2] * e @ W[2]) * (1 - h2 * h2)
    d1 = d2 + (a[1] * d2 @ W[1]) * (1 - h1 * h1)
    expected = [a[0] * d1.T @ x / n, a[1] * d2.T @ h1 / n, a[2] * e.T @ h2 / n]
    assert_updates(BP(net, classes=3), x, y, expected)


def test_a_step_of_predictive_coding():
    """One step of the states z, which the skips tie to each other, then the weights' own."""
    net, W = built("mupc")
    x, y, t = data()
    a, n, lr = SCALES["mupc"], len(x), 0.3
    z1, z2, logits = forward(x, W, a)
    e = t - logits.softmax(1)
    z2 = z2 + lr * (a[2] * e @ W[2]) * (1 - torch.tanh(z2) ** 2)  # alone in seeing the label yet
    h1, h2 = torch.tanh(z1), torch.tanh(z2)
    e2 = z2 - z1 - a[1] * h1 @ W[1].T
    e3 = t - (a[2] * h2 @ W[2].T).softmax(1)
    expected = [torch.zeros_like(W[0]), -a[1] * e2.T @ h1 / n, -a[2] * e3.T @ h2 / n]
    assert_updates(PC(net, classes=3, steps=1, state_lr=lr), x, y, expected)


def sizes(scaling, depth, width=64, activation="relu"):
    """Root mean squares of z_1 .. z_{L-1} at the start, for inputs of unit mean square."""
    x = torch.randn(32, 1, 10, 10, generator=stream(2, "x"))
    net = ResMLP(
        (1, 10, 10), 10, stream(1, "init"), hidden=(width,) * depth, activation=activation,
        scaling=scaling,
    )  # fmt: skip
    found = []
    for block in list(net.blocks)[:-1]:
        x = block(x)
        found.append(x.square().mean().sqrt().item())
    return found


@pytest.mark.parametrize("activation", ["relu", "tanh", "linear"])
@pytest.mark.parametrize(("depth", "width"), [(4, 64), (64, 64), (64, 256)])
def test_mupc_keeps_states_of_one_size(depth, width, activation):
    """A branch adds at most 1 / L to the mean square, in parts of it: e^(1/2) in all."""
    found = sizes("mupc", depth, width, activation)
    assert all(0.7 < size < 1.3 * math.exp(0.5) for size in found)


def test_unscaled_branches_double_the_square_in_each_layer():
    found = sizes("none", 64)
    assert found[-1] / found[0] > 2**25
    assert sizes("depth", 64)[-1] / sizes("depth", 64)[0] < 2 * math.exp(0.5)


def trained(rule, steps, lr):
    """Accuracy on 500 digits after steps of Adam."""
    digits = Mnist5k().decode()
    x = torch.from_numpy(digits.train.images).float() / 128 - 1
    y = torch.from_numpy(digits.train.labels)
    optimizer = torch.optim.Adam(rule.parameters(), lr=lr)
    for part in torch.randperm(len(x), generator=stream(0, "order")).split(50)[:steps]:
        optimizer.zero_grad()
        rule.credit(x[part], y[part]).objective.backward()
        optimizer.step()
    held_out = torch.from_numpy(digits.test.images[:500]).float() / 128 - 1
    right = rule.predict(held_out).argmax(1) == torch.from_numpy(digits.test.labels[:500])
    return right.float().mean().item()


@pytest.mark.parametrize("scaling", ["mupc", "none"])
def test_predictive_coding_learns_at_depth_64(scaling):
    net = ResMLP((1, 28, 28), 10, stream(0, "init"), hidden=(64,) * 64, scaling=scaling)
    accuracy = trained(PC(net, loss="mse", steps=2, state_lr=0.4), steps=40, lr=0.03)
    assert accuracy > 0.3 if scaling == "mupc" else accuracy < 0.2


@pytest.mark.parametrize("hidden", [(5, 4), ()])
def test_widths_that_differ_are_one_line(hidden):
    with pytest.raises(UserError, match="one width"):
        ResMLP((1, 2, 3), 3, stream(1, "init"), hidden=hidden)
