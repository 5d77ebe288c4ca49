"""Predictive coding by hand on two hidden layers, and its limits: backprop, and one energy."""

import pytest
import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.epc import EPC
from benchmark.algorithms.ipc import IPC
from benchmark.algorithms.pc import PC
from benchmark.errors import UserError
from tests.oracle.tiny import assert_updates, data, network, updates


def built(cls, **options):
    net, W = network(activation="tanh")
    x, y, t = data()
    return cls(net, classes=3, **options).double(), W, x, y, t


def f(a):
    return torch.tanh(a)


def slope(h):
    return 1 - h * h


def target_of(h2, W3, t, beta, loss, output="clamped"):
    """What the output is pulled to, and its error at given logits."""

    def p(logits):
        return logits.softmax(1) if loss == "cross_entropy" else logits

    p0 = p(h2 @ W3.T)
    if output == "nudged":
        return lambda logits: beta * (t - p(logits))
    target = p0 + beta * (t - p0)
    return lambda logits: target - p(logits)


def relaxed(W, x, t, beta, loss, output, steps, lr, mu):
    """States of Whittington & Bogacz's equations, written out."""
    W1, W2, W3 = W
    h1 = f(x @ W1.T)
    h2 = f(h1 @ W2.T)
    error = target_of(h2, W3, t, beta, loss, output)
    v1, v2 = torch.zeros_like(h1), torch.zeros_like(h2)
    for _ in range(steps):
        f1, f2 = f(x @ W1.T), f(h1 @ W2.T)
        e1, e2, e3 = h1 - f1, h2 - f2, error(h2 @ W3.T)
        v1 = mu * v1 + e1 - (e2 * slope(f2)) @ W2
        v2 = mu * v2 + e2 - e3 @ W3
        h1, h2 = h1 - lr * v1, h2 - lr * v2
    return h1, h2, error


def learned(W, x, h1, h2, error):
    """-dF/dW of the states, averaged over the batch, as gradients."""
    W1, W2, W3 = W
    f1, f2 = f(x @ W1.T), f(h1 @ W2.T)
    e1, e2, e3 = h1 - f1, h2 - f2, error(h2 @ W3.T)
    n = len(x)
    return [-((e1 * slope(f1)).T @ x) / n, -((e2 * slope(f2)).T @ h1) / n, -(e3.T @ h2) / n]


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("output", ["clamped", "nudged"])
@pytest.mark.parametrize("beta", [1.0, 0.3, -0.3])
def test_pc_update(beta, output, loss):
    options = dict(steps=4, state_lr=0.2, state_momentum=0.5, output=output)
    pc, W, x, y, t = built(PC, beta=beta, loss=loss, **options)
    h1, h2, error = relaxed(W, x, t, beta, loss, output, 4, 0.2, 0.5)
    assert_updates(pc, x, y, [g / beta for g in learned(W, x, h1, h2, error)])


def test_centered_nudging_is_the_mean_of_both():
    pc, *_, x, y, _ = built(PC, beta=0.3, nudging="centered")
    both = [updates(built(PC, beta=b)[0], x, y) for b in (0.3, -0.3)]
    assert_updates(pc, x, y, [(a + b) / 2 for a, b in zip(*both, strict=True)])


def errors_left(beta, nudging):
    options = dict(steps=400, state_lr=0.3, nudging=nudging, output="nudged")
    pc, *_, x, y, _ = built(PC, beta=beta, **options)
    bp = updates(built(BP)[0], x, y)
    return max((a - b).abs().max() for a, b in zip(updates(pc, x, y), bp, strict=True)).item()


def test_a_small_pull_is_backprop_and_a_centered_one_a_better_one():
    """The error is O(beta) on one side, O(beta^2) on both."""
    one = [errors_left(beta, "one_sided") for beta in (0.1, 0.01)]
    both = [errors_left(beta, "centered") for beta in (0.1, 0.01)]
    assert 0.05 < one[1] / one[0] < 0.2 and both[1] / both[0] < 0.02
    assert one[1] < 0.05 and both[1] < 0.01


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_fixed_predictions_are_backprop(loss):
    """Already after as many steps of rate 1 as there are layers (Z-IL, Song et al. 2020)."""
    bp, *_, x, y, _ = built(BP, loss=loss)
    fixed, *_ = built(PC, predictions="fixed", loss=loss, steps=3, state_lr=1.0)
    assert_updates(fixed, x, y, updates(bp, x, y))
    early, *_ = built(PC, predictions="fixed", loss=loss, steps=1, state_lr=1.0)
    assert not torch.allclose(updates(early, x, y)[0], updates(bp, x, y)[0])


def test_errors_and_states_rest_at_one_minimum():
    options = dict(steps=600, state_lr=0.3)
    pc, *_, x, y, _ = built(PC, **options)
    epc, *_ = built(EPC, **options)
    assert_updates(epc, x, y, updates(pc, x, y))


@pytest.mark.parametrize("beta", [1.0, -0.5])
def test_epc_update(beta):
    """Two steps: by hand, backprop's errors at zero, then at the states they lead to."""
    epc, (W1, W2, W3), x, y, t = built(EPC, steps=2, state_lr=0.4, beta=beta)
    h2_0 = f(f(x @ W1.T) @ W2.T)
    error = target_of(h2_0, W3, t, beta, "cross_entropy")
    e1, e2 = torch.zeros(6, 5, dtype=x.dtype), torch.zeros(6, 4, dtype=x.dtype)
    for _ in range(2):
        f1 = f(x @ W1.T)
        h1 = f1 + e1
        f2 = f(h1 @ W2.T)
        d2 = -error((f2 + e2) @ W3.T) @ W3
        d1 = (d2 * slope(f2)) @ W2
        e1, e2 = e1 - 0.4 * (e1 + d1), e2 - 0.4 * (e2 + d2)
    h1 = f(x @ W1.T) + e1
    h2 = f(h1 @ W2.T) + e2
    expected = [g / beta for g in learned((W1, W2, W3), x, h1, h2, error)]
    assert_updates(epc, x, y, expected)


def test_one_small_step_of_epc_is_backprop_in_the_hidden_layers():
    lr = 1e-6
    epc, *_, x, y, _ = built(EPC, steps=1, state_lr=lr)
    *hidden, output = updates(epc, x, y)
    *expected, last = updates(built(BP)[0], x, y)
    for own, bp in zip(hidden, expected, strict=True):
        torch.testing.assert_close(own / lr, bp, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(output, last, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("beta", [0.0, 1.5, -2.0])
def test_a_senseless_pull_is_one_line(beta):
    with pytest.raises(UserError, match="beta is"):
        built(PC, beta=beta)


def weights_after(ipc, x, y, lr):
    """Weights after the plain descent of each of a step's updates."""
    weights = [block.synapse.weight for block in ipc.net.blocks]
    for credit in ipc.credits(x.view(-1, 1, 2, 3), y):
        for W, g in zip(weights, torch.autograd.grad(credit.objective, weights), strict=True):
            W.data -= lr * g
    return [W.detach() for W in weights]


@pytest.mark.parametrize("order", ["states_first", "at_once"])
@pytest.mark.parametrize("beta", [1.0, -0.5])
def test_ipc_update(order, beta):
    """Three steps: the states' slope is of the weights of that step, the pull of the first pass."""
    lr, lr_h, mu = 0.1, 0.2, 0.5
    options = dict(steps=3, state_lr=lr_h, state_momentum=mu, beta=beta, order=order)
    ipc, W, x, y, t = built(IPC, **options)
    own = weights_after(ipc, x, y, lr)

    W1, W2, W3 = W
    h1 = f(x @ W1.T)
    h2 = f(h1 @ W2.T)
    error = target_of(h2, W3, t, beta, "cross_entropy")
    v1, v2 = torch.zeros_like(h1), torch.zeros_like(h2)
    for _ in range(3):
        f1, f2 = f(x @ W1.T), f(h1 @ W2.T)
        e1, e2, e3 = h1 - f1, h2 - f2, error(h2 @ W3.T)
        v1 = mu * v1 + e1 - (e2 * slope(f2)) @ W2
        v2 = mu * v2 + e2 - e3 @ W3
        before, (h1, h2) = (h1, h2), (h1 - lr_h * v1, h2 - lr_h * v2)
        at = before if order == "at_once" else (h1, h2)
        g1, g2, g3 = learned((W1, W2, W3), x, *at, error)
        W1, W2, W3 = W1 - lr / beta * g1, W2 - lr / beta * g2, W3 - lr / beta * g3
    for mine, by_hand in zip(own, (W1, W2, W3), strict=True):
        torch.testing.assert_close(mine, by_hand, rtol=1e-10, atol=1e-12)


def test_ipc_of_one_step_is_pc_of_one_step():
    options = dict(steps=1, state_lr=0.3)
    pc, *_, x, y, _ = built(PC, **options)
    ipc, *_ = built(IPC, **options)
    assert_updates(ipc, x, y, updates(pc, x, y))
    assert len(list(ipc.credits(x.view(-1, 1, 2, 3), y))) == 1


def test_ipc_without_learning_is_pc_at_its_last_step():
    """Weights that stay: the T-th update is that of pc after T steps."""
    options = dict(steps=4, state_lr=0.3, state_momentum=0.2)
    pc, *_, x, y, _ = built(PC, **options)
    ipc, *_ = built(IPC, **options)
    *_, last = ipc.credits(x.view(-1, 1, 2, 3), y)
    own = torch.autograd.grad(last.objective, [b.synapse.weight for b in ipc.net.blocks])
    for mine, theirs in zip(own, updates(pc, x, y), strict=True):
        assert torch.equal(mine, theirs)
