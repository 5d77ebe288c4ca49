"""Signal propagation, by hand: targets of the classes pass the layers that they teach."""

import pytest
import torch

from benchmark.algorithms.sigprop import SigProp
from benchmark.errors import UserError
from tests.oracle.tiny import assert_updates, data, network


def built(**options):
    net, W = network(activation="tanh")
    x, y, t = data()
    rule = SigProp(net, classes=3, **options).double()
    rule.S.bias.data.normal_(generator=torch.Generator().manual_seed(5))
    return rule, W, x, y, t


def into_cosines(a, b, G):
    """dJ/da and dJ/db for G = dJ/dcos, ``[N, classes]``, of rows of a with rows of b."""
    length_a, length_b = a.norm(dim=1, keepdim=True), b.norm(dim=1, keepdim=True)
    u, v = a / length_a, b / length_b
    C = u @ v.T
    into_a = (G @ v - (G * C).sum(1, keepdim=True) * u) / length_a
    into_b = (G.T @ u - (G * C).sum(0)[:, None] * v) / length_b
    return C, into_a, into_b


def errors(h, t, same, tau):
    """Of one layer: dl/dh and dl/dt."""
    C, *_ = into_cosines(h, t, torch.zeros(len(h), len(t), dtype=h.dtype))
    G = ((C / tau).softmax(1) - same) / (tau * len(h))
    return into_cosines(h, t, G)[1:]


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_update(tau):
    rule, (W1, W2, W3), x, y, same = built(tau=tau)
    S, b = rule.S.weight.detach(), rule.S.bias.detach()
    h1, t1 = torch.tanh(x @ W1.T), torch.tanh(S.T + b)
    h2, t2 = torch.tanh(h1 @ W2.T), torch.tanh(t1 @ W2.T)
    d_h1, d_t1 = errors(h1, t1, same, tau)
    d_h2, d_t2 = errors(h2, t2, same, tau)
    e = ((h2 @ W3.T).softmax(1) - same) / len(x)
    dW1 = (d_h1 * (1 - h1 * h1)).T @ x
    dW2 = (d_h2 * (1 - h2 * h2)).T @ h1 + (d_t2 * (1 - t2 * t2)).T @ t1
    assert_updates(rule, x, y, [dW1, dW2, e.T @ h2])
    objective = rule.credit(x.view(-1, 1, 2, 3), y).objective
    (dS,) = torch.autograd.grad(objective, [rule.S.weight])
    torch.testing.assert_close(dS, d_t1.mul(1 - t1 * t1).T)


def test_a_layer_that_tells_all_classes_is_not_taught():
    """Limit: with activities along their own class's target, far from the others', and tau small,
    the local loss and its gradient vanish."""
    rule, *_, y, _ = built(tau=1e-2)
    t = torch.eye(3, dtype=torch.float64)
    h = (3 * t[y]).requires_grad_()
    loss = rule.local_loss(h, t, y)
    assert loss < 1e-12 and torch.autograd.grad(loss, h)[0].abs().max() < 1e-12


def test_the_targets_learn_beside_the_network():
    rule, *_ = built()
    (group,) = rule.param_groups()
    assert {id(p) for p in group["params"]} == {id(p) for p in rule.parameters()}


def test_what_cannot_carry_targets_is_refused():
    for options in ({"hidden": ()}, {"dropout": 0.1}):
        with pytest.raises(UserError, match="sigprop"):
            SigProp(network(**options)[0], classes=3)
