"""Sign symmetry and Kolen-Pollack by hand, on linear and convolutional layers."""

import math

import pytest
import torch

from benchmark.algorithms.brsf import BRSF
from benchmark.algorithms.frsf import FRSF
from benchmark.algorithms.kp import KP
from benchmark.algorithms.usf import USF
from benchmark.networks.init import draw
from tests.oracle.convnet import conv_data, conv_network, conv_updates
from tests.oracle.tiny import data, network, updates


@pytest.fixture(autouse=True)
def first_step(monkeypatch):
    """Algorithms ask their trainer for the epoch; here there is none."""
    for cls in (USF, BRSF, FRSF):
        monkeypatch.setattr(cls, "current_epoch", 0)


def magnitudes(algorithm, k, W):
    """By hand: the k-th draw of U(+-sqrt(6 / fan_in)), as each rule uses it."""
    M = draw("he_uniform", W.shape, algorithm.feedback_stream(k)).double()
    if isinstance(algorithm, USF):
        return torch.full_like(W, math.sqrt((M**2).mean()))
    return M.abs()


@pytest.mark.parametrize("cls", [USF, FRSF])
def test_linear_update_with_refreshed_signs(cls):
    net, _ = network()
    x, y, t = data()
    rule = cls(net, classes=3).double()
    synapses = [block.synapse for block in rule.net.blocks]
    synapses[2].weight.data.neg_()  # the signs have changed since B was drawn
    rule.before_step(x)
    W1, W2, W3 = (s.weight.detach() for s in synapses)
    B2, B3 = (magnitudes(rule, k, W) * W.sign() for k, W in ((1, W2), (2, W3)))
    a1 = x @ W1.T
    a2 = a1.clamp(min=0) @ W2.T
    e = ((a2.clamp(min=0) @ W3.T).softmax(1) - t) / len(x)
    d2 = (e @ B3) * (a2 > 0)
    d1 = (d2 @ B2) * (a1 > 0)
    expected = [d1.T @ x, d2.T @ a1.clamp(min=0), e.T @ a2.clamp(min=0)]
    for own, by_hand in zip(updates(rule, x, y), expected, strict=True):
        torch.testing.assert_close(own, by_hand, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("cls", [USF, FRSF, BRSF, KP])
def test_convolutional_update(cls):
    x, y = conv_data()
    rule = cls(conv_network(), classes=3).double()
    rule.before_step(x)
    synapses = [block.synapse for block in rule.net.blocks]
    weights = [s.weight.detach() for s in synapses]
    feedback = [s.B.detach() for s in synapses[1:]]
    if cls is not KP:
        assert all(torch.equal(s.B.sign(), s.weight.sign()) for s in synapses[1:])
    expected, _ = conv_updates(weights, [s.bias for s in synapses], feedback, x, y)
    learned = [s.weight for s in synapses]
    if cls is KP:
        learned += [s.B for s in synapses[1:]]
        expected += expected[1:]
    objective = rule.credit(x, y).objective
    for own, by_hand in zip(torch.autograd.grad(objective, learned), expected, strict=True):
        torch.testing.assert_close(own, by_hand)


def test_brsf_draws_new_magnitudes_every_step():
    x, _ = conv_data()
    rule = BRSF(conv_network(), classes=3).double()
    B = rule.net.blocks[1].synapse.B
    seen = []
    for step in range(3):
        rule._step = step
        rule.before_step(x)
        seen.append(B.clone())
    assert not torch.equal(seen[0].abs(), seen[1].abs())
    bound = math.sqrt(3 * (magnitudes(rule, 1, B) ** 2).mean())
    assert torch.cat(seen).abs().max() <= bound
    rule._step = 0
    rule.before_step(x)
    assert torch.equal(B, seen[0])


def test_the_two_gradients_of_kp_are_tensors_of_their_own():
    """Clipping scales gradients in place: shared storage would be scaled twice."""
    net, _ = network()
    x, y, _ = data()
    kp = KP(net, classes=3).double()
    kp.credit(x.view(-1, 1, 2, 3), y).objective.backward()
    top = kp.net.blocks[2].synapse
    assert top.B.grad.data_ptr() != top.weight.grad.data_ptr()
    assert torch.equal(top.B.grad, top.weight.grad)
