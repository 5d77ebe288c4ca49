"""The audit by rules whose verdict and work are known."""

import pytest
import torch

from benchmark.cli import main
from benchmark.suite.perf import audit
from benchmark.suite.perf.audit import (
    VARIANTS,
    batch,
    built,
    is_backprop,
    row_of,
    step_of,
    stored_by,
)


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        ("bp", "yes"), ("dfa", "no"), ("fa", "no"), ("pepita", "no"), ("pc", "no"),
        ("pc fixed", "yes"), ("dtp, one hidden layer", "parallel"), ("dtp", "no"), ("ep", "no"),
        ("epc, one small step", "parallel"), ("epc", "no"), ("dgl", "no"), ("ff", ""),
    ],
)  # fmt: skip
def test_what_is_backprop(case, verdict):
    name, options = VARIANTS.get(case, (case, []))
    assert is_backprop(row_of(name, *options)) == verdict


def test_work_of_a_step_by_hand():
    """64-64-48-32-10, 16 samples: bp has three products a layer but the lowest, which has two."""
    layers = [64 * 64, 64 * 48, 48 * 32, 32 * 10]
    forward, backward = 2 * 16 * sum(layers), 2 * 16 * sum(layers[1:])
    steps = {name: step_of(built(row_of(name), 0), *batch(0)) for name in ("bp", "dfa", "pepita")}
    assert steps["bp"].flops == 2 * forward + backward and steps["bp"].passes == 1
    to_hidden = 2 * 16 * 10 * (64 + 48 + 32)
    assert steps["dfa"].flops == 2 * forward + to_hidden and steps["dfa"].passes == 1
    assert steps["pepita"].passes == 1  # W_1 F e is known without another pass through W_1
    bp, pepita = (stored_by(built(row_of(name), 0), *batch(0)) for name in ("bp", "pepita"))
    assert 0 < pepita < bp


def test_what_is_done_once_is_no_work_of_a_step():
    """wm mirrors before its first step, and not in the others."""
    wm, fa = (step_of(built(row_of(name), 0), *batch(0)) for name in ("wm", "fa"))
    assert fa.flops <= wm.flops < 3 * fa.flops


def test_the_update_is_that_of_the_rule():
    algorithm, (x, y) = built(row_of("bp"), 0), batch(0)
    step = step_of(algorithm, x, y)
    loss = torch.nn.functional.cross_entropy(algorithm.net(x), y)
    for name, p in algorithm.net.named_parameters():
        torch.testing.assert_close(
            step.update[name], torch.autograd.grad(loss, p, retain_graph=True)[0]
        )


def test_the_table_keeps_what_it_says_of_others(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(audit, "angles", lambda row: [1.0, 2.0, float("nan")])
    for names in ("dfa,bp", "dfa", "fa"):
        assert main(["audit", "--algorithm", names, "--results", str(tmp_path)]) == 0
    text = (tmp_path / "audit.csv").read_text()
    assert [line.split(",")[0] for line in text.splitlines()] == ["algorithm", "bp", "fa", "dfa"]
    assert text.splitlines()[1].endswith("1.0,2.0,,yes,1.00,1,1.00")
    assert main(["audit", "--algorithm", "dfaa", "--results", str(tmp_path)]) == 2
    assert "did you mean" in capsys.readouterr().err
