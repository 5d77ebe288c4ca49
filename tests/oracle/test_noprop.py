"""NoProp by hand: the noise it draws, its losses, its chain; and blocks that know of no other."""

import math

import pytest
import torch
import torch.nn.functional as F

from benchmark.algorithms.noprop import NoProp
from benchmark.errors import UserError
from benchmark.streams import stream
from tests.oracle.convnet import conv_network
from tests.oracle.tiny import data, network

ABAR = [math.sin(math.pi / 2 * (t + 0.5) / 3) ** 2 for t in range(3)]


def built(noise=0, **options):
    net, _ = network(activation="tanh")
    rule = NoProp(net, classes=3, **options).double()
    rule._noise = stream(0, "noise", noise)
    x, y, u = data()
    W = [block.synapse.weight for block in rule.blocks]
    return rule, W, [head.weight for head in rule.heads], x, y, u


def noised(u, n):
    """z_2, z_0, z_1 in the order in which they are drawn."""
    generator = stream(0, "noise", n)
    z = {}
    for t in (2, 0, 1):
        eps = torch.empty(u.shape, dtype=torch.float64).normal_(generator=generator)
        z[t] = ABAR[t] ** 0.5 * u + (1 - ABAR[t]) ** 0.5 * eps
    return z


def block(W, A, z, x):
    return (torch.tanh(torch.cat([x, z], 1) @ W.T) @ A.T).softmax(1)


def gradients(rule, x, y):
    objective = rule.credit(x.view(-1, 1, 2, 3), y).objective
    return torch.autograd.grad(objective, [*rule.net.parameters(), *rule.heads.parameters()])


def test_losses():
    """Each block's by autograd alone, from labels under noise of the sizes that it is for."""
    rule, (W1, W2, W3), (A1, A2), x, y, u = built(eta=0.3)
    z = noised(u, 0)
    snr = [a / (1 - a) for a in ABAR]
    expected = {}
    for t, W, A in ((1, W1, A1), (2, W2, A2)):
        gap = (block(W, A, z[t - 1], x) - u).square().sum(1).mean()
        loss = 0.3 / 2 * (snr[t] - snr[t - 1]) * gap
        expected |= dict(zip((W, A), torch.autograd.grad(loss, (W, A)), strict=True))
    (expected[W3],) = torch.autograd.grad(F.cross_entropy(z[2] @ W3.T, y), [W3])
    by_hand = [expected[p] for p in (W1, W2, W3, A1, A2)]
    for own, other in zip(gradients(rule, x, y), by_hand, strict=True):
        torch.testing.assert_close(own, other)


def test_prediction_is_the_chain_of_posterior_means():
    """Of z_t given z_{t-1} and the label: the product of two normal densities, by precision."""
    rule, (W1, W2, W3), (A1, A2), x, *_ = built()
    z = torch.zeros(6, 3, dtype=torch.float64)
    for t, W, A in ((1, W1, A1), (2, W2, A2)):
        v, kept = block(W, A, z, x), ABAR[t - 1] / ABAR[t]
        prior, seen = 1 / (1 - ABAR[t]), kept / (1 - kept)
        z = (prior * ABAR[t] ** 0.5 * v + seen * z / kept**0.5) / (prior + seen)
    torch.testing.assert_close(rule.predict(x.view(-1, 1, 2, 3)), z @ W3.T)


def test_no_edge_leads_from_block_to_block():
    """All other blocks are drawn anew: a block's update stays the same to the last bit."""
    rule, W, A, x, y, _ = built()
    before = gradients(rule, x, y)
    for k, own in enumerate(((W[0], A[0]), (W[1], A[1]), (W[2],))):
        others = [p for p in (*W, *A) if not any(p is q for q in own)]
        kept = [p.detach().clone() for p in others]
        for p in others:
            p.data.normal_(generator=stream(0, "other", k))
        rule._noise = stream(0, "noise", 0)
        for p, now, then in zip((*W, *A), gradients(rule, x, y), before, strict=True):
            assert torch.equal(now, then) == any(p is q for q in own)
        for p, value in zip(others, kept, strict=True):
            p.data = value


def test_convolutions_are_refused():
    with pytest.raises(UserError, match="fully connected"):
        NoProp(conv_network())
