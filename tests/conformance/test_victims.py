"""Every rule can be attacked, as far as its predictions and its feedback allow."""

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.measure.victim import Victim
from benchmark.streams import stream
from tests.conformance.rows import built, row_of


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_a_rule_under_attack(name):
    """Scores are its predictions; what it offers has the inputs' shape; its state stays."""
    algorithm, x, y = built(row_of(name))
    x, y = x[:6], y[:6]
    with torch.no_grad():
        for p in algorithm.parameters():  # some rules' decoders begin at zero
            p += 0.01 * torch.randn(p.shape, generator=stream(0, "shift"))
    before = {k: v.clone() for k, v in algorithm.net.state_dict().items() if not k.endswith("B")}
    victim = Victim(algorithm, lambda pixels: pixels / 255, x[:1], y[:1])
    torch.testing.assert_close(victim.scores(x), algorithm.predict(x).detach())
    for signal in (victim.gradient, victim.feedback):
        if signal is not None:
            own = signal(x, y)
            assert own.shape == x.shape and own.isfinite().all() and own.any()
    if victim.gradient is not None and victim.feedback is not None:
        assert not torch.equal(victim.gradient(x, y).sign(), victim.feedback(x, y).sign())
    after = algorithm.net.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())
    assert all(p.grad is None for p in algorithm.parameters())
    if algorithm.traits.backward_pass and name != "bp" and algorithm.traits.feedback == "fixed":
        assert victim.feedback is not None
