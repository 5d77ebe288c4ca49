"""Adversarial inputs by hand: the true gradient for every rule, and the step is taken on them."""

import pytest
import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.fa import FA
from benchmark.algorithms.ff import FF
from benchmark.algorithms.kp import KP
from benchmark.algorithms.pepita import PEPITA
from benchmark.algorithms.usf import USF
from benchmark.credit.true_gradient import fast_sign
from benchmark.engine.descent import Descent
from benchmark.errors import UserError
from benchmark.streams import stream
from tests.oracle.tiny import data, network, updates

EPS = 0.08


def by_hand(x, t, W, m0=1.0, m1=1.0):
    """x + eps sign(dJ/dx), for sigmoid outputs with the binary cross-entropy."""
    h1 = ((m0 * x) @ W[0].T).tanh()
    h2 = (m1 * h1 @ W[1].T).tanh()
    e = (h2 @ W[2].T).sigmoid() - t
    d2 = (e @ W[2]) * (1 - h2**2)
    d1 = m1 * (d2 @ W[1]) * (1 - h1**2)
    return x + EPS * (m0 * (d1 @ W[0])).sign()


def images(x):
    return x.view(-1, 1, 2, 3)


@pytest.mark.parametrize("rule", [BP, FA, DFA, KP, USF, PEPITA])
def test_the_gradient_is_the_true_one(rule):
    net, W = network(activation="tanh")
    x, y, t = data(40)
    algorithm = rule(net, classes=3, loss="bce").double()
    before = [p.detach().clone() for p in (*algorithm.parameters(), *algorithm.buffers())]
    x_adv = fast_sign(algorithm, images(x), y, EPS)
    torch.testing.assert_close(x_adv.flatten(1), by_hand(x, t, W), rtol=0, atol=1e-15)
    after = [*algorithm.parameters(), *algorithm.buffers()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not x_adv.requires_grad and all(p.grad is None for p in algorithm.parameters())


def test_feedback_returns_afterwards():
    net, _ = network(activation="tanh")
    x, y, _ = data()
    fa = FA(net, classes=3, loss="bce").double()
    before = updates(fa, x, y)
    fast_sign(fa, images(x), y, EPS)
    assert all(torch.equal(a, b) for a, b in zip(before, updates(fa, x, y), strict=True))


def test_the_step_is_taken_on_them_alone():
    net, W = network(activation="tanh")
    x, y, t = data()
    fa = FA(net, classes=3, loss="bce", adversarial_eps=EPS).double()
    x_adv = by_hand(x, t, W)
    gradients = updates(fa, x_adv, y)
    fa.descend = Descent(torch.optim.SGD(fa.parameters(), lr=0.1))
    logits = fa.learn(images(x), y)
    torch.testing.assert_close(logits, network(activation="tanh")[0](images(x_adv)).detach())
    for block, w, g in zip(fa.net.blocks, W, gradients, strict=True):
        torch.testing.assert_close(block.synapse.weight.detach(), w - 0.1 * g)


def test_masks_are_those_of_the_step():
    net, W = network(activation="tanh", input_dropout=0.3)
    x, y, t = data(40)
    bp = BP(net, classes=3, loss="bce")
    bp.net.renew_dropout(stream(0, "masks"))
    x_adv = fast_sign(bp, images(x), y, EPS).flatten(1)
    mask = bp.net.dropouts[0].mask
    torch.testing.assert_close(x_adv, by_hand(x, t, W, m0=mask), rtol=0, atol=1e-15)
    assert (mask == 0).any() and torch.equal(x_adv[mask == 0], x[mask == 0])


def test_rules_without_a_gradient_say_so():
    net, _ = network(hidden=(5, 4, 4))
    x, y, _ = data()
    with pytest.raises(UserError, match="ff are not differentiable"):
        fast_sign(FF(net, classes=3).double(), images(x), y, EPS)
