"""Identities that tie fa, dfa and dtp to backprop."""

import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.dtp import DTP
from benchmark.algorithms.fa import FA
from tests.oracle.tiny import data, network, updates


def assert_same(a, b):
    for one, other in zip(a, b, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def true_gradient(x, y, **kind):
    return updates(BP(network(**kind)[0], classes=3), x, y)


def test_fa_with_B_equal_W_is_bp():
    x, y, _ = data()
    fa = FA(network()[0], classes=3)
    for block in fa.net.blocks:
        block.synapse.B = block.synapse.weight.detach().clone()
    assert_same(updates(fa, x, y), true_gradient(x, y))


def test_fa_forward_pass_is_the_plain_networks_bit_for_bit():
    x, _, _ = data()
    net, _ = network()
    assert torch.equal(FA(net, classes=3).double().net(x), net(x))


def test_dfa_is_fa_with_one_hidden_layer():
    x, y, _ = data()
    fa, dfa = FA(network((5,))[0], classes=3), DFA(network((5,))[0], classes=3)
    dfa.B0 = fa.net.blocks[1].synapse.B.clone()
    assert_same(updates(dfa, x, y), updates(fa, x, y))


def test_dfa_with_the_products_of_W_is_bp_in_a_linear_network():
    x, y, _ = data()
    net, (_, W2, W3) = network(activation="linear")
    dfa = DFA(net, classes=3).double()
    dfa.B0, dfa.B1 = W3 @ W2, W3
    assert_same(updates(dfa, x, y), true_gradient(x, y, activation="linear"))


def test_from_zero_weights_dfa_learns_where_bp_never_does():
    """Nøkland starts dfa from zeros; bp's hidden gradients are then zero, and stay so."""
    x, y, _ = data()

    def from_zero(cls):
        net, _ = network(activation="tanh")
        for p in net.parameters():
            p.data.zero_()
        return updates(cls(net, classes=3), x, y)

    assert not any(u.any() for u in from_zero(BP))
    assert from_zero(DFA)[0].all()


def test_dtp_with_one_hidden_layer_is_bp_with_a_scaled_hidden_update():
    x, y, _ = data()
    dtp = DTP(network((5,))[0], classes=3, step=0.25)
    hidden, output = true_gradient(x, y, hidden=(5,))
    assert_same(updates(dtp, x, y), [0.25 * hidden, output])
