"""A run ends with the epoch in which its running training error is down, and resumes so."""

from dataclasses import replace

import pytest

from benchmark.engine.stop import Stop
from benchmark.suite.records import records
from benchmark.suite.rows.machine import Machine
from benchmark.suite.run.runner import run
from tests.conformance.rows import dying_in_epoch, row_of

CPU = Machine(accelerator="cpu")
OFTEN = replace(CPU, checkpoint_seconds=0)


def test_the_rule_by_hand():
    """m: 1 -> 0.8 (err 0.2) -> 0.65 (0.2) -> 0.4875 (0)."""
    accs = [80.0, 80.0, 100.0]
    assert Stop(0.4876).is_due(accs) and not Stop(0.4874).is_due(accs)
    assert not Stop(0.4876).is_due(accs[:2]) and not Stop(0.4876).is_due([])
    assert Stop(0.0, memory=0.0).is_due([20.0, 100.0])


def test_a_run_without_errors_ends_after_33_epochs():
    """0.75^32 = 1.004e-4, 0.75^33 = 7.5e-5: the shortest run that the authors' code allows."""
    due = [Stop(1e-4).is_due([100.0] * n) for n in range(40)]
    assert due.index(True) == 33


@pytest.fixture(scope="module")
def stopping():
    return row_of("bp", "--stop.train_error=0.65", "--optim.schedule=cosine", epochs=6)


@pytest.fixture(scope="module")
def stopped(stopping, tmp_path_factory):
    return run(stopping, 0, CPU, tmp_path_factory.mktemp("stopped"))


def test_it_is_the_unstopped_run_until_then(stopping, stopped, tmp_path):
    whole = run(replace(stopping, stop=None), 0, CPU, tmp_path)
    n = stopped["epochs_trained"]
    accs = [p["train_acc"] for p in whole["curve"]]
    assert n == next(k for k in range(1, 7) if Stop(0.65).is_due(accs[:k])) == 3
    assert [p["train_acc"] for p in stopped["curve"]] == accs[:n]
    assert stopped["ended_by"] == "stop" and whole["ended_by"] == "epochs"
    assert whole["epochs_trained"] == 6


def test_killed_in_the_epoch_that_ends_it(stopping, stopped, tmp_path):
    with dying_in_epoch("bp", 2):
        run(stopping, 0, OFTEN, tmp_path)
    parts = run(stopping, 0, CPU, tmp_path)
    assert parts["weights_sha256"] == stopped["weights_sha256"]
    assert parts["epochs_trained"] == 3 and parts["ended_by"] == "stop"


def test_killed_after_it_and_before_the_record(stopping, stopped, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(records, "save", lambda *_, **__: (_ for _ in ()).throw(OSError))
        run(stopping, 0, CPU, tmp_path)
    parts = run(stopping, 0, CPU, tmp_path)
    assert parts["weights_sha256"] == stopped["weights_sha256"]
    assert parts["epochs_trained"] == 3 and parts["ended_by"] == "stop"
