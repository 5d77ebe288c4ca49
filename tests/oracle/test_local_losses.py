"""Rules with a loss at every layer, by hand on two hidden layers."""

import pytest
import torch

from benchmark.algorithms.bp import BP
from benchmark.algorithms.bp_deepsup import BPDeepSup
from benchmark.algorithms.dgl import DGL
from benchmark.algorithms.mono_forward import MonoForward
from benchmark.errors import UserError
from tests.oracle.tiny import assert_updates, data, network, updates


def built(cls, **options):
    net, W = network(activation="tanh")
    x, y, t = data()
    rule = cls(net, classes=3, **options).double()
    for head in getattr(rule, "heads", []):
        if head.bias is not None:
            head.bias.data.normal_(generator=torch.Generator().manual_seed(5))
    return rule, W, x, y, t


def by_hand(rule, W, x, t, crosses):
    """Updates of W_1 .. W_3 and of the heads A_1, A_2; errors come from above or they do not."""
    W1, W2, W3 = W
    (A1, b1), (A2, b2) = ((h.weight, 0 if h.bias is None else h.bias) for h in rule.heads)
    n, h1 = len(x), torch.tanh(x @ W1.T)
    h2 = torch.tanh(h1 @ W2.T)
    e1, e2 = ((h @ A.T + b).softmax(1) - t for h, A, b in ((h1, A1, b1), (h2, A2, b2)))
    e3 = (h2 @ W3.T).softmax(1) - t
    d2 = (e2 @ A2 + (e3 @ W3 if crosses else 0)) * (1 - h2 * h2)
    d1 = (e1 @ A1 + (d2 @ W2 if crosses else 0)) * (1 - h1 * h1)
    return [d1.T @ x / n, d2.T @ h1 / n, e3.T @ h2 / n], [e1.T @ h1 / n, e2.T @ h2 / n]


@pytest.mark.parametrize(
    ("cls", "crosses"), [(DGL, False), (MonoForward, False), (BPDeepSup, True)]
)
def test_update(cls, crosses):
    rule, W, x, y, t = built(cls)
    weights, heads = by_hand(rule, W, x, t, crosses)
    assert_updates(rule, x, y, [w.detach() for w in weights])
    objective = rule.credit(x.view(-1, 1, 2, 3), y).objective
    own = torch.autograd.grad(objective, [head.weight for head in rule.heads])
    for a, b in zip(own, heads, strict=True):
        torch.testing.assert_close(a, b)


def test_heads_that_are_silent_leave_backprop():
    """Deep supervision by heads of zeros, whose error reaches nothing."""
    rule, _, x, y, _ = built(BPDeepSup)
    for head in rule.heads:
        head.weight.data.zero_()
    assert_updates(rule, x, y, updates(built(BP)[0], x, y))


def test_goodness_is_summed_or_that_of_the_last():
    rule, (W1, W2, W3), x, *_ = built(MonoForward)
    images = x.view(-1, 1, 2, 3)
    h1 = torch.tanh(x @ W1.T)
    h2 = torch.tanh(h1 @ W2.T)
    A1, A2 = (head.weight for head in rule.heads)
    assert all(head.bias is None for head in rule.heads)
    torch.testing.assert_close(rule.predict(images), h1 @ A1.T + h2 @ A2.T + h2 @ W3.T)
    last, *_ = built(MonoForward, predict_by="last")
    torch.testing.assert_close(last.predict(images), h2 @ W3.T)


def test_heads_learn_beside_the_network():
    rule, *_ = built(DGL)
    (group,) = rule.param_groups()
    assert {id(p) for p in group["params"]} == {id(p) for p in rule.parameters()}


@pytest.mark.parametrize("cls", [DGL, MonoForward, BPDeepSup])
def test_a_network_without_hidden_blocks_is_refused(cls):
    with pytest.raises(UserError, match="hidden blocks"):
        cls(network(hidden=())[0], classes=3)
