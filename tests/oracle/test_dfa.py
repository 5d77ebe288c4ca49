"""Direct feedback alignment by hand, with both derivatives that a layer can have."""

import pytest

from benchmark.algorithms.dfa import DFA
from tests.oracle.tiny import assert_updates, data, network


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_dfa_update(activation):
    net, (W1, W2, W3) = network(activation=activation)
    x, y, t = data()
    dfa = DFA(net, classes=3).double()
    f, df = {
        "relu": (lambda a: a.clamp(min=0), lambda a: (a > 0).double()),
        "tanh": (lambda a: a.tanh(), lambda a: 1 - a.tanh() ** 2),
    }[activation]
    a1 = x @ W1.T
    a2 = f(a1) @ W2.T
    e = ((f(a2) @ W3.T).softmax(1) - t) / len(x)
    d1 = (e @ dfa.B0) * df(a1)
    d2 = (e @ dfa.B1) * df(a2)
    assert_updates(dfa, x, y, [d1.T @ x, d2.T @ f(a1), e.T @ f(a2)])
