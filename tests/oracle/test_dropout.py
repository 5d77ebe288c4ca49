"""Dropout on the inputs (0.1) and hidden units (0.5) by hand, with the masks that were drawn."""

import pytest
import torch

from benchmark.algorithms.afa import AFA
from benchmark.algorithms.bp import BP
from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.fa import FA
from benchmark.algorithms.pepita import PEPITA
from benchmark.streams import stream
from tests.oracle.tiny import data, network, updates


def built(cls, samples=40, **options):
    net, W = network(activation="tanh", dropout=0.5, input_dropout=0.1)
    algorithm = cls(net, classes=3, **options).double()
    algorithm.net.renew_dropout(stream(0, "masks"))
    return algorithm, W, *data(samples)


def masks(algorithm):
    """m_0 of the inputs, m_1 and m_2 of the hidden units."""
    m = [d.mask for d in algorithm.net.dropouts]
    for mask, p in zip(m, (0.1, 0.5, 0.5), strict=True):
        assert set(mask.unique().tolist()) == {0.0, 1 / (1 - p)}
    return m


def forward(x, W, m):
    """The dropped input, and activities before and after dropout."""
    x = m[0] * x
    h1 = (x @ W[0].T).tanh()
    h2 = (m[1] * h1 @ W[1].T).tanh()
    return x, h1, h2, m[2] * h2 @ W[2].T


def assert_equal(own, expected):
    for u, by_hand in zip(own, expected, strict=True):
        torch.testing.assert_close(u, by_hand, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("rule", [BP, FA, DFA])
def test_backward(rule):
    """The error enters behind a layer's dropout (Nøkland's ErrorFeedback follows nn.Dropout)."""
    algorithm, W, x, y, t = built(rule)
    own, m = updates(algorithm, x, y), masks(algorithm)
    x0, h1, h2, logits = forward(x, W, m)
    e = (logits.softmax(1) - t) / len(x)

    def sent(k, delta):
        if rule is DFA:
            return e @ getattr(algorithm, f"B{k - 2}")
        return delta @ (W[k - 1] if rule is BP else algorithm.net.blocks[k - 1].synapse.B)

    d2 = m[2] * sent(3, e) * (1 - h2**2)
    d1 = m[1] * sent(2, d2) * (1 - h1**2)
    assert_equal(own, [d1.T @ x0, d2.T @ (m[1] * h1), e.T @ (m[2] * h2)])


@pytest.mark.parametrize("redrawn", [False, True])
@pytest.mark.parametrize("samples", [2, 40])  # fewer than the classes, and more
def test_pepita(samples, redrawn):
    """The modulated input is dropped like the clean one: m_0 * (x + F e)."""
    kept = []
    how = "redrawn" if redrawn else "shared"
    pepita, W, x, y, t = built(PEPITA, samples, feedback_scale=0.5, dropout_masks=how)
    renew = pepita.net.renew_dropout
    pepita.net.renew_dropout = lambda g: (
        kept.append([d.mask for d in pepita.net.dropouts]) or renew(g)
    )
    own = updates(pepita, x, y)
    second = [d.mask for d in pepita.net.dropouts]
    first = kept[0] if redrawn else second
    assert len(kept) == redrawn
    _, h1, h2, logits = forward(x, W, first)
    x_err = x + (logits.softmax(1) - t) @ pepita.F
    x0_err, h1_err, h2_err, logits_err = forward(x_err, W, second)
    e = logits_err.softmax(1) - t
    n = len(x)
    below = [x0_err, second[1] * h1_err, second[2] * h2_err]
    d1 = first[1] * h1 - below[1]
    d2 = first[2] * h2 - below[2]
    # a -> h has no derivative in PEPITA: delta meets the preactivation
    assert_equal(own, [d.T @ h / n for d, h in zip([d1, d2, e], below, strict=True)])


@pytest.mark.parametrize("samples", [2, 40])
def test_afa(samples):
    afa, W, x, y, t = built(AFA, samples, feedback_scale=0.5)
    own = updates(afa, x, y)
    m = [d.mask for d in afa.net.dropouts]
    x0, h1, h2, logits = forward(x, W, m)
    e = logits.softmax(1) - t
    t1 = m[1] * (1 - h1**2) * ((m[0] * (e @ afa.F)) @ W[0].T)
    t2 = m[2] * (1 - h2**2) * (t1 @ W[1].T)
    n = len(x)
    assert_equal(own, [-t1.T @ x0 / n, -t2.T @ (m[1] * h1) / n, e.T @ (m[2] * h2) / n])


def test_without_hidden_layers_and_in_evaluation():
    net, (W,) = network(hidden=(), input_dropout=0.5)
    x, *_ = data()
    images = x.view(-1, 1, 2, 3)
    net.renew_dropout(stream(0, "masks"))
    torch.testing.assert_close(net(images), (net.dropouts[0].mask * x) @ W.T)
    torch.testing.assert_close(net.eval()(images), x @ W.T)
