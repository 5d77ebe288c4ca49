"""What takes long says so, and what does not is silent."""

import time

import pytest

from benchmark import ALGORITHMS
from benchmark.engine import pulse
from benchmark.suite.rows.machine import Machine
from benchmark.suite.run.runner import run
from tests.conformance.rows import row_of


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        ("predict", ["validating, batch 1 of", "testing, batch 1 of"]),
        ("learn", ["epoch 1, batch 1 of"]),
        ("setup", ["preparing the data"]),
        (None, []),
    ],
)
def test_a_run_is_never_mute(slow, said, tmp_path, capsys, monkeypatch):
    row, every = row_of("bp", epochs=1), 0.2
    rule = ALGORITHMS["bp"]
    monkeypatch.setattr(pulse, "EVERY", every if slow else pulse.EVERY)
    monkeypatch.setattr("benchmark.engine.recorder.Recorder.listeners", [])
    if slow:
        quick, first = getattr(rule, slow), []

        def slowly(self, *args, **stage):
            if len(first) < 2 or slow == "predict":
                first.append(time.sleep(2.5 * every))
            return quick(self, *args, **stage)

        monkeypatch.setattr(rule, slow, slowly)
    run(row, 0, Machine(accelerator="cpu", replay=False), tmp_path)
    lines = [line for line in capsys.readouterr().err.splitlines() if "so far" in line]
    for text in said:
        assert any(f"{row.title} seed 0: {text}" in line for line in lines), lines
    assert lines if slow else not lines
