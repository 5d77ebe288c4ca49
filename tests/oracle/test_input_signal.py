"""What a rule's own feedback gives the input, by hand in float64; and the true gradient beside."""

import math

import pytest
import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.dtp import DTP
from benchmark.algorithms.fa import FA
from benchmark.algorithms.kp import KP
from benchmark.algorithms.pepita import PEPITA
from benchmark.algorithms.usf import USF
from benchmark.credit.true_gradient import input_gradient
from benchmark.measure.victim import Victim
from benchmark.networks.init import draw
from tests.oracle.tiny import data, network


def forward(x, t, W):
    h1 = (x @ W[0].T).tanh()
    h2 = (h1 @ W[1].T).tanh()
    return h1, h2, (h2 @ W[2].T).softmax(1) - t


def chained(x, t, W, B):
    """B_1^T delta_1, delta_k = (B_{k+1}^T delta_{k+1}) * f'(a_k)."""
    h1, h2, e = forward(x, t, W)
    return (((e @ B[2]) * (1 - h2**2)) @ B[1] * (1 - h1**2)) @ B[0]


def signal(rule, x, y, factor=1):
    own = rule.double().input_signal(x.view(-1, 1, 2, 3), y)
    assert own.shape == (len(x), 1, 2, 3) and not own.requires_grad
    return factor * own.flatten(1)


def tiny():
    net, W = network(activation="tanh")
    return net, W, *data(20)


def test_fa():
    net, W, x, y, t = tiny()
    fa = FA(net, classes=3)
    B = [draw("he_uniform", w.shape, fa.feedback_stream(k)).double() for k, w in enumerate(W)]
    torch.testing.assert_close(signal(fa, x, y, len(x)), chained(x, t, W, B))


def test_usf_has_the_signs_of_now_in_all_layers():
    net, W, x, y, t = tiny()
    usf = USF(net, classes=3)
    for block in usf.net.blocks:
        block.synapse.weight.data.neg_()
    W = [-w for w in W]
    B = []
    for k, w in enumerate(W):
        M = draw("he_uniform", w.shape, usf.feedback_stream(k)).double()
        B.append(math.sqrt((M**2).mean()) * w.sign())
    expected = chained(x, t, W, B)
    torch.testing.assert_close(signal(usf, x, y, len(x)), expected, rtol=1e-6, atol=1e-9)


def test_dfa():
    net, W, x, y, t = tiny()
    dfa = DFA(net, classes=3).double()
    h1, _, e = forward(x, t, W)
    expected = ((e @ dfa.B0) * (1 - h1**2)) @ W[0]
    torch.testing.assert_close(signal(dfa, x, y), expected)


@pytest.mark.parametrize(("sign", "factor"), [("plus", -1), ("minus", 1)])
def test_pepita(sign, factor):
    net, W, x, y, t = tiny()
    pepita = PEPITA(net, classes=3, feedback_sign=sign).double()
    *_, e = forward(x, t, W)
    torch.testing.assert_close(signal(pepita, x, y), factor * e @ pepita.F)


def test_dtp():
    net, W, x, y, t = tiny()
    dtp = DTP(net, classes=3, step=0.5, noise=0.0).double()
    V = dtp.decoders[0].synapse.weight.detach()
    h1, h2, e = forward(x, t, W)
    t2 = h2 - 0.5 * e @ W[2]
    t1 = h1 - (h2 @ V.T).tanh() + (t2 @ V.T).tanh()
    expected = ((h1 - t1) * (1 - h1**2)) @ W[0]
    torch.testing.assert_close(signal(dtp, x, y), expected)


@pytest.mark.parametrize("rule", [BP, KP])
def test_others_have_none(rule):
    net, _, x, y, _ = tiny()
    assert rule(net, classes=3).double().input_signal(x.view(-1, 1, 2, 3), y) is None


@pytest.mark.parametrize("rule", [BP, FA, DFA, KP, USF, PEPITA, DTP])
def test_the_true_gradient_goes_through_W(rule):
    net, W, x, y, t = tiny()
    own = input_gradient(rule(net, classes=3).double(), x.view(-1, 1, 2, 3), y)
    torch.testing.assert_close(len(x) * own.flatten(1), chained(x, t, W, W))


def test_a_victim_reads_pixels():
    """Gradients and scores at pixels in [0, 1] are those at what the network reads."""
    net, W, x, y, t = tiny()
    fa = FA(net, classes=3).double()
    pixels = x.view(-1, 1, 2, 3)
    victim = Victim(fa, lambda z: (z - 51) / 102, pixels[:1], y[:1])
    read = (x - 0.2) / 0.4
    *_, e = forward(read, t, W)
    torch.testing.assert_close(victim.scores(pixels).softmax(1), e + t)
    gradient = victim.gradient(pixels, y).flatten(1) * len(x)
    torch.testing.assert_close(gradient, chained(read, t, W, W))
    own = victim.feedback(pixels, y)
    torch.testing.assert_close(own, fa.input_signal(read.view(-1, 1, 2, 3), y))
    assert not torch.equal(own.sign(), victim.gradient(pixels, y).sign())
    assert victim.right(pixels, y).equal((e + t).argmax(1) == y)
