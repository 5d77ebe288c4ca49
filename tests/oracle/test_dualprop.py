"""Dual propagation by hand on two hidden layers, and its limits: backprop, and a fixed point."""

import pytest
import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.dualprop import DualProp
from benchmark.errors import UserError
from benchmark.networks.resnet import ResNet20
from benchmark.streams import stream
from tests.oracle.convnet import conv_data, conv_network
from tests.oracle.tiny import assert_updates, data, network, updates

forms = pytest.mark.parametrize("form", ["original", "adjoint"])
alphas = pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
f = torch.tanh


def built(cls=DualProp, activation="tanh", **options):
    net, W = network(activation=activation)
    x, y, t = data()
    return cls(net, classes=3, **options).double(), W, x, y, t


def by_hand(W, x, t, alpha, beta, form, sweeps):
    """The authors' order: L, .., 1, then 1, .., L-1 and L, .., 1 again; each unit from what its
    neighbours hold at that moment."""
    W1, W2, W3 = W
    up, down = (alpha, 1 - alpha) if form == "original" else (1 - alpha, alpha)

    def mean(s):
        return alpha * s[0] + (1 - alpha) * s[1]

    h1 = f(x @ W1.T)
    h2 = f(h1 @ W2.T)
    s1, s2 = (h1, h1), (h2, h2)
    e = None
    for i in [3, 2, 1] + [1, 2, 3, 2, 1] * (sweeps - 1):
        if i == 1:
            a, nudge = x @ W1.T, (s2[0] - s2[1]) @ W2
            s1 = f(a + up * nudge), f(a - down * nudge)
        elif i == 2:
            a, nudge = mean(s1) @ W2.T, (beta * -e if e is not None else 0 * t) @ W3
            s2 = f(a + up * nudge), f(a - down * nudge)
        else:
            e = (mean(s2) @ W3.T).softmax(1) - t
    n = len(x)
    return [
        -((s1[0] - s1[1]).T @ x) / (beta * n),
        -((s2[0] - s2[1]).T @ mean(s1)) / (beta * n),
        e.T @ mean(s2) / n,
    ]


@forms
@alphas
@pytest.mark.parametrize("sweeps", [1, 2, 4])
def test_update(sweeps, alpha, form):
    options = dict(alpha=alpha, beta=0.4, form=form, sweeps=sweeps)
    rule, W, x, y, t = built(**options)
    assert_updates(rule, x, y, by_hand(W, x, t, **options))


@forms
@alphas
@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "bce"])
def test_a_weak_nudging_is_backprop(loss, alpha, form):
    """The error falls as beta, and as its square where the two states are nudged alike."""
    bp, *_, x, y, _ = built(BP, loss=loss)
    expected = updates(bp, x, y)

    def error(beta):
        rule, *_ = built(loss=loss, alpha=alpha, beta=beta, form=form, sweeps=3)
        own = updates(rule, x, y)
        return max((a - b).abs().max().item() for a, b in zip(own, expected, strict=True))

    ratio = error(1e-4) / error(1e-3)
    assert error(1e-4) < 1e-2
    assert 0.008 < ratio < 0.012 if alpha == 0.5 else 0.08 < ratio < 0.12


@alphas
@pytest.mark.parametrize("beta", [0.01, 10.0])
def test_the_adjoint_form_of_a_linear_network_is_backprop(beta, alpha):
    bp, *_, x, y, _ = built(BP, activation="linear")
    rule, *_ = built(activation="linear", alpha=alpha, beta=beta, sweeps=2)
    assert_updates(rule, x, y, updates(bp, x, y))


def test_the_original_form_is_so_by_equal_nudging_alone():
    bp, *_, x, y, _ = built(BP, activation="linear")
    options = dict(activation="linear", beta=1.0, form="original", sweeps=2)
    assert_updates(built(**options)[0], x, y, updates(bp, x, y))
    tilted = updates(built(alpha=0.3, **options)[0], x, y)
    assert not torch.allclose(tilted[0], updates(bp, x, y)[0], rtol=1e-3)


def test_with_the_mean_at_the_free_state_one_sweep_is_the_fixed_point():
    _, _, x, y, _ = built()
    one, five = (updates(built(alpha=0.0, beta=1.0, sweeps=n)[0], x, y) for n in (1, 5))
    for a, b in zip(one, five, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_convolutions_of_a_weak_nudging():
    x, y = conv_data()
    own, expected = (
        torch.autograd.grad(
            rule.credit(x, y).objective, [b.synapse.weight for b in rule.net.blocks]
        )
        for rule in (DualProp(conv_network(), beta=1e-4), BP(conv_network()))
    )
    for a, b in zip(own, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-8)


def test_residual_blocks_are_one_line():
    with pytest.raises(UserError, match="plain blocks"):
        DualProp(ResNet20((3, 8, 8), 10, stream(0, "init")))
