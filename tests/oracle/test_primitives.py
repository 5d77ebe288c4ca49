"""The primitives' gradients by hand, one at a time and summed, on linear and conv layers."""

import pytest
import torch
import torch.nn.functional as F

from benchmark.algorithms.primitives import PrimitiveSum
from tests.oracle.convnet import conv_data, conv_network, conv_updates, grouped
from tests.oracle.tiny import data, network

NAMES = ["decay", "amp", "null", "sparse", "self_"]
ZERO = dict.fromkeys(NAMES, 0.0)
ONE_EACH = [{**ZERO, name: 0.7} for name in NAMES]
ALL = {"decay": 0.1, "amp": 0.2, "null": 0.3, "sparse": 0.4, "self_": 0.5}


def gradient_of_R(B, W, x, y, c):
    """Of one linear synapse, for x ``[n, in]`` and y ``[n, out]``, differentiated by hand."""
    n = len(x)
    return (
        c["decay"] * B
        - c["amp"] * y.T @ x / n
        + c["null"] * y.T @ (y @ B) / n
        + c["sparse"] * (x @ B.T).T @ x / n
        - c["self_"] * W
    )


@pytest.mark.parametrize("c", [*ONE_EACH, ALL, {**ALL, "sparse": 0.0}], ids=str)
def test_linear_gradients(c):
    net, (W1, W2, W3) = network()
    x, y, t = data()
    rule = PrimitiveSum(net, classes=3, **c).double()
    synapses = [block.synapse for block in rule.net.blocks]
    B2, B3 = (s.B.detach() for s in synapses[1:])
    a1 = x @ W1.T
    h1 = a1.clamp(min=0)
    a2 = h1 @ W2.T
    h2 = a2.clamp(min=0)
    e = ((h2 @ W3.T).softmax(1) - t) / len(x)
    d2 = (e @ B3) * (a2 > 0)
    d1 = (d2 @ B2) * (a1 > 0)
    expected = [
        d1.T @ x, d2.T @ h1, e.T @ h2,
        gradient_of_R(B2, W2, h1, a2, c), gradient_of_R(B3, W3, h2, h2 @ W3.T, c),
    ]  # fmt: skip
    learned = [s.weight for s in synapses] + [s.B for s in synapses[1:]]
    objective = rule.credit(x.view(-1, 1, 2, 3), y).objective
    for own, by_hand in zip(torch.autograd.grad(objective, learned), expected, strict=True):
        torch.testing.assert_close(own, by_hand, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("c", [*ONE_EACH, ALL], ids=str)
def test_convolutional_gradients(c):
    """Stride 2, padding 1, two groups; y is the response without bias."""
    x, y = conv_data()
    rule = PrimitiveSum(conv_network(), classes=3, **c).double()
    synapses = [block.synapse for block in rule.net.blocks]
    weights, biases = [s.weight.detach() for s in synapses], [s.bias for s in synapses]
    feedback = [s.B.detach() for s in synapses[1:]]
    B, W = feedback[0], weights[1]
    forward, (h1, _, _) = conv_updates(weights, biases, feedback, x, y)
    r = F.conv2d(h1, W, None, 2, 1, groups=2)
    n = len(x) * 4  # samples times positions
    back = F.conv_transpose2d(r, B, None, 2, 1, 1, groups=2)
    own_response = F.conv2d(h1, B, None, 2, 1, groups=2)
    expected = (
        c["decay"] * B
        - c["amp"] * grouped(h1, r) / n
        + c["null"] * grouped(back, r) / n
        + c["sparse"] * grouped(h1, own_response) / n
        - c["self_"] * W
    )
    objective = rule.credit(x, y).objective
    dB, dW = torch.autograd.grad(objective, [synapses[1].B, synapses[1].weight])
    torch.testing.assert_close(dB, expected)
    torch.testing.assert_close(dW, forward[1])


def test_normalized_activities_keep_the_response_linear():
    """x is centred and scaled; amp sees x and W x of the same scaled x."""
    net, (W1, W2, _) = network()
    x, y, _ = data()
    rule = PrimitiveSum(net, classes=3, **{**ZERO, "amp": 1.0}, normalize=True).double()
    h1 = (x @ W1.T).clamp(min=0)
    z = h1 - h1.mean(0)
    z = z / z.square().mean().sqrt()
    (dB,) = torch.autograd.grad(
        rule.credit(x.view(-1, 1, 2, 3), y).objective, rule.net.blocks[1].synapse.B
    )
    torch.testing.assert_close(dB, -(z @ W2.T).T @ z / len(x), rtol=1e-6, atol=1e-8)


def test_adaptive_steps_divide_by_the_running_root_mean_square():
    """Two steps by hand: v <- 0.99 v + 0.01 g^2, corrected for its start at zero."""
    net, _ = network()
    x, y, _ = data()
    rule = PrimitiveSum(net, classes=3, **{**ZERO, "self_": 1.0, "decay": 0.5}, adaptive=True)
    rule.double()
    rule._trainer = type("Trainer", (), {"max_epochs": 1})()
    (optimizer,), _ = rule.configure_optimizers()
    B, W = (rule.net.blocks[2].synapse.get_parameter(name) for name in ("B", "weight"))
    expected, v = B.detach().clone(), torch.zeros_like(B)
    for step in (1, 2):
        g = 0.5 * expected - W.detach()
        v = 0.99 * v + 0.01 * g**2
        expected -= rule.feedback_lr * g / (v / (1 - 0.99**step)).sqrt()
        optimizer.zero_grad()
        rule.credit(x.view(-1, 1, 2, 3), y).objective.backward()
        optimizer.step()
        torch.testing.assert_close(B.detach(), expected, rtol=1e-6, atol=1e-9)
