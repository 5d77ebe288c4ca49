"""tp, sdtp, ao_sdtp, ddtp_linear and ldtp by hand, on two hidden tanh layers."""

import pytest
import torch

from benchmark.algorithms.ao_sdtp import AOSDTP
from benchmark.algorithms.ddtp_linear import DDTPLinear
from benchmark.algorithms.ldtp import LDTP
from benchmark.algorithms.sdtp import SDTP
from benchmark.algorithms.tp import TP
from tests.oracle.tiny import assert_updates, data, network


def forward():
    """The network, its activities by hand, and the output error."""
    net, weights = network(activation="tanh")
    W1, W2, W3 = weights
    x, y, t = data()
    h1 = (x @ W1.T).tanh()
    h2 = (h1 @ W2.T).tanh()
    o = (h2 @ W3.T).softmax(1)
    return net, weights, x, y, t, h1, h2, o


def updates_towards(t1, t2, x, h1, h2, e):
    """Gradients of 1/2 ||h_k - t_k||^2 / N and of the output layer's loss."""
    n = len(x)
    return [
        ((h1 - t1) * (1 - h1**2)).T @ x / n,
        ((h2 - t2) * (1 - h2**2)).T @ h1 / n,
        e.T @ h2 / n,
    ]


def decoder(algorithm, k):
    """g_k by hand, its bias moved off zero."""
    V, b = (
        algorithm.decoders[k].synapse.weight.detach(),
        algorithm.decoders[k].synapse.bias.detach(),
    )
    b += 0.1
    return lambda h: (h @ V.T + b).tanh()


def test_tp():
    net, (_, _, W3), x, y, t, h1, h2, o = forward()
    tp = TP(net, classes=3, step=0.5, noise=0.0).double()
    g = decoder(tp, 0)
    t2 = h2 - 0.5 * (o - t) @ W3
    assert_updates(tp, x, y, updates_towards(g(t2), t2, x, h1, h2, o - t))


def test_sdtp():
    net, _, x, y, t, h1, h2, o = forward()
    sdtp = SDTP(net, classes=3, noise=0.0).double()
    g2, g3 = decoder(sdtp, 0), decoder(sdtp, 1)
    t2 = h2 - g3(o) + g3(t)
    t1 = h1 - g2(h2) + g2(t2)
    assert_updates(sdtp, x, y, updates_towards(t1, t2, x, h1, h2, o - t))


def test_sdtp_top_decoder_learns_from_the_prediction():
    net, _, x, y, _, _, h2, o = forward()
    sdtp = SDTP(net, classes=3, noise=0.0).double()
    V = sdtp.decoders[1].synapse.weight
    r = (o @ V.detach().T).tanh()
    objective = sdtp.credit(x.view(-1, 1, 2, 3), y).objective
    expected = ((r - h2) * (1 - r**2)).T @ o / len(x)
    torch.testing.assert_close(torch.autograd.grad(objective, V)[0], expected)


def test_ao_sdtp():
    net, _, x, y, t, h1, h2, o = forward()
    ao = AOSDTP(net, classes=3, noise=0.0, auxiliary_outputs=5).double()
    g2, g3 = decoder(ao, 0), decoder(ao, 1)
    z = (h2 @ ao.decoders[1].auxiliary.weight.detach().T).tanh()
    t2 = h2 - g3(torch.cat([o, z], 1)) + g3(torch.cat([t, z], 1))
    t1 = h1 - g2(h2) + g2(t2)
    assert_updates(ao, x, y, updates_towards(t1, t2, x, h1, h2, o - t))


def test_ao_sdtp_auxiliary_weights_learn_to_be_decoded():
    net, _, x, y, _, _, h2, o = forward()
    ao = AOSDTP(net, classes=3, noise=0.0, auxiliary_outputs=5).double()
    A, V = ao.decoders[1].auxiliary.weight, ao.decoders[1].synapse.weight.detach()
    z = (h2 @ A.detach().T).tanh()
    r = (torch.cat([o, z], 1) @ V.T).tanh()
    delta = ((r - h2) * (1 - r**2)) @ V[:, 3:] * (1 - z**2)
    objective = ao.credit(x.view(-1, 1, 2, 3), y).objective
    torch.testing.assert_close(torch.autograd.grad(objective, A)[0], delta.T @ h2 / len(x))


def test_ldtp_forward():
    net, _, x, y, t, h1, h2, o = forward()
    ldtp = LDTP(net, classes=3, step=0.5).double()
    B2, B3 = (g.synapse.weight.detach() for g in ldtp.decoders)
    logits = h2 @ net.blocks[2].synapse.weight.detach().T
    t3 = logits - 0.5 * (o - t)
    t2 = h2 + (t3 - logits) @ B3.T
    t1 = h1 + (t2.tanh() - h2.tanh()) @ B2.T
    assert_updates(ldtp, x, y, updates_towards(t1, t2, x, h1, h2, 0.5 * (o - t)))


def noises(algorithm, *shapes, sd):
    """The draws that an algorithm's next phase makes."""
    algorithm._noise = torch.Generator().manual_seed(7)
    generator = torch.Generator().manual_seed(7)
    return [sd * torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]


def test_ldtp_decoders():
    net, (_, W2, W3), x, _, _, h1, h2, _ = forward()
    ldtp = LDTP(net, classes=3, noise=0.3, decoder_iterations=[1, 2]).double()
    a3 = h2 @ W3.T
    n1, m2, n2, m3 = noises(ldtp, h1.shape, h2.shape, h2.shape, a3.shape, sd=0.3)
    first, second = ldtp.feedback_phase(x.view(-1, 1, 2, 3))
    B2, B3 = (g.synapse.weight for g in ldtp.decoders)
    moved, above = ((h1 + n1) @ W2.T).tanh().tanh() - h2.tanh(), (h2 + m2).tanh() - h2.tanh()
    expected2 = (-2 * n1.T @ moved + 2 * B2.detach() @ above.T @ above) / len(x)
    expected3 = (-2 * n2.T @ (n2 @ W3.T) + 2 * B3.detach() @ m3.T @ m3) / len(x)
    got = torch.autograd.grad(first, [B2, B3])
    for own, by_hand in zip(got, (expected2, expected3), strict=True):
        torch.testing.assert_close(own, by_hand)
    own2, own3 = torch.autograd.grad(second, [B2, B3], allow_unused=True)
    assert own2 is None and own3 is not None


def test_ddtp_linear():
    net, (_, W2, W3), x, y, t, h1, h2, o = forward()
    ddtp = DDTPLinear(net, classes=3, step=0.5, noise=0.3).double()
    Q1, Q2 = (Q.synapse.weight for Q in ddtp.decoders)
    d = -0.5 * (o - t)
    t1, t2 = h1 + d @ Q1.detach().T, h2 + d @ Q2.detach().T
    assert_updates(ddtp, x, y, updates_towards(t1, t2, x, h1, h2, 0.5 * (o - t)))
    n1, n2 = noises(ddtp, h1.shape, h2.shape, sd=0.3)
    (loss,) = ddtp.feedback_phase(x.view(-1, 1, 2, 3))
    d1 = ((h1 + n1) @ W2.T).tanh() @ W3.T - h2 @ W3.T
    d2 = n2 @ W3.T
    expected = [(d1 @ Q1.detach().T - n1).T @ d1, (d2 @ Q2.detach().T - n2).T @ d2]
    for own, by_hand in zip(torch.autograd.grad(loss, [Q1, Q2]), expected, strict=True):
        torch.testing.assert_close(own, by_hand / len(x))


def test_only_decoders_learn_in_pretraining_epochs():
    net, _, x, y, *_ = forward()
    for cls in (TP, SDTP, LDTP, DDTPLinear):
        algorithm = cls(net, classes=3, decoder_epochs=1).double()
        credit = algorithm.credit(x.view(-1, 1, 2, 3), y)
        forward_weights = [p for p in net.parameters()]
        grads = torch.autograd.grad(credit.objective, forward_weights, allow_unused=True)
        assert all(g is None for g in grads)


@pytest.mark.parametrize("pretraining", [False, True])
@pytest.mark.parametrize("cls", [LDTP, DDTPLinear, SDTP])
def test_every_decoder_takes_its_steps_on_a_batch(cls, pretraining):
    """As many as ``decoder_iterations`` says, in epochs in which nothing else learns too."""
    net, _, x, y, *_ = forward()
    options = {"schedule": "alternating"} if cls is SDTP else {}
    rule = cls(
        net, classes=3, decoder_iterations=[1, 3], decoder_epochs=int(pretraining), **options
    )
    rule, x = rule.double(), x.view(-1, 1, 2, 3)
    weights = [*net.parameters(), *(g.synapse.weight for g in rule.decoders)]
    steps = [0] * len(weights)
    for scalar in [*rule.feedback_phase(x), rule.credit(x, y).objective]:
        found = torch.autograd.grad(scalar, weights, allow_unused=True)
        steps = [n + (g is not None) for n, g in zip(steps, found, strict=True)]
    assert steps == [int(not pretraining)] * len([*net.parameters()]) + [1, 3]
