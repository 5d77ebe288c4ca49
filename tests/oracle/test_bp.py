"""Backpropagation by hand: two layers, softmax cross-entropy, ReLU."""

from tests.oracle.tiny import assert_updates, data, network


def test_bp_update():
    from benchmark.algorithms.bp import BP

    net, (W1, W2, W3) = network()
    x, y, t = data()
    a1 = x @ W1.T
    h1 = a1.clamp(min=0)
    a2 = h1 @ W2.T
    h2 = a2.clamp(min=0)
    e = (h2 @ W3.T).softmax(1) - t
    d2 = (e @ W3) * (a2 > 0)
    d1 = (d2 @ W2) * (a1 > 0)
    n = len(x)
    expected = [d1.T @ x / n, d2.T @ h1 / n, e.T @ h2 / n]
    assert_updates(BP(net, classes=3), x, y, expected)
