"""Whole runs of every algorithm: they learn, keep fixed feedback, and resume bit for bit."""

import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.engine import checkpoint
from benchmark.errors import UserError
from benchmark.speed.replay import Replay
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.row import Row
from benchmark.suite.run import runner
from benchmark.suite.run.runner import run, run_folder
from tests.conformance.rows import built, dying_in_epoch, row_of, told_to_end_in_epoch

CPU = Machine(accelerator="cpu")
OFTEN = replace(CPU, checkpoint_seconds=0)
EPOCHS = 3
# One worker runs all tests of an algorithm, so that they share its uninterrupted run.
every = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in ALGORITHMS]
)


class Whole(NamedTuple):
    """An uninterrupted run."""

    row: Row
    record: dict[str, Any]
    steps_recorded: int
    first: dict[str, torch.Tensor]
    last: dict[str, torch.Tensor]


def weights(results, row, seed=0):
    checkpoint = run_folder(results, row, seed) / "last.ckpt"
    return torch.load(checkpoint, weights_only=True)["state_dict"]


@cache
def whole(name):
    row = row_of(name, "--optim.schedule=cosine", epochs=EPOCHS)
    first = {k: v.clone() for k, v in built(row)[0].named_buffers()}
    steps = []
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        record_step = Replay._record
        patch.setattr(Replay, "_record", lambda *xy: steps.append(xy) or record_step(*xy))
        record = run(row, 0, CPU, Path(folder))
        return Whole(row, record, len(steps), first, weights(Path(folder), row))


@every
def test_learns(name):
    curve = whole(name).record["curve"]
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    assert curve[-1]["val_acc"] > 50


@every
def test_fixed_feedback_stays_and_refreshed_feedback_changes(name):
    """Beside what a step writes: offsets of parents D, running correlations C and R."""
    run, feedback = whole(name), ALGORITHMS[name].traits.feedback
    written = re.compile(r"(C|D|R)\d+")
    kept = {k: v for k, v in run.first.items() if k in run.last and not written.fullmatch(k)}
    changed = {k for k, v in kept.items() if not v.equal(run.last[k])}
    if feedback == "refreshed":
        assert changed
    elif feedback != "learned":  # there, running statistics may change
        assert not changed


@every
def test_steps_taken_anew_and_a_resumed_run_are_the_same_bit_for_bit(name, tmp_path):
    """Two epochs without repetition until the run dies, then the rest of it, repeated again: that
    is the run whose steps were all repeated from one record, with a learning rate for each epoch.
    """
    row, record, steps_recorded, *_ = whole(name)
    with dying_in_epoch(name, EPOCHS - 1):
        run(row, 0, replace(OFTEN, replay=False), tmp_path)
    parts = run(row, 0, CPU, tmp_path)
    assert parts["weights_sha256"] == record["weights_sha256"]
    timeless = [{k: v for k, v in p.items() if k != "seconds"} for p in parts["curve"]]
    assert timeless == [{k: v for k, v in p.items() if k != "seconds"} for p in record["curve"]]
    assert steps_recorded == ALGORITHMS[name].traits.same_steps


@pytest.mark.parametrize("name", [n for n, a in ALGORITHMS.items() if not a.traits.same_steps])
def test_steps_that_differ_cannot_be_repeated(name, tmp_path, monkeypatch):
    same = replace(ALGORITHMS[name].traits, same_steps=True)
    monkeypatch.setattr(ALGORITHMS[name], "traits", same)
    with pytest.raises(UserError, match="steps are not the same"):
        run(row_of(name, epochs=1), 0, CPU, tmp_path)


# pepita draws dropout masks and a schedule moves its learning rate: both must be found again.
CHILD = """
import sys
from pathlib import Path
import torch
from benchmark.suite.run.runner import run
from tests.conformance.test_run import OFTEN, dropout_row
torch.set_num_threads(1)
run(dropout_row(), 0, OFTEN, Path(sys.argv[1]))
"""


def dropout_row():
    return row_of("pepita", "--network.dropout=0.2", "--optim.schedule=cosine", epochs=12)


def test_sigkill_at_any_moment_and_resume_is_the_run_undisturbed(tmp_path):
    row = dropout_row()
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "parts")])
    while not (run_folder(tmp_path / "parts", row, 0) / "last.ckpt").exists():
        assert child.poll() is None
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.5))
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    undisturbed = run(row, 0, CPU, tmp_path / "whole")
    assert run(row, 0, CPU, tmp_path / "parts")["weights_sha256"] == undisturbed["weights_sha256"]


def test_sigterm_saves_within_the_epoch_and_stops(tmp_path, capsys):
    row = replace(dropout_row(), epochs=2)
    with told_to_end_in_epoch("pepita", 1):
        run(row, 0, CPU, tmp_path / "parts")
    saved = torch.load(run_folder(tmp_path / "parts", row, 0) / "last.ckpt", weights_only=True)
    assert "the same command goes on" in capsys.readouterr().err
    assert saved["in_epoch"]["step"] == 32 and len(saved["callbacks"]["Recorder"]["curve"]) == 1
    undisturbed = run(row, 0, CPU, tmp_path / "whole")
    resumed = run(row, 0, CPU, tmp_path / "parts")
    assert resumed["weights_sha256"] == undisturbed["weights_sha256"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_resumed_in_float64_no_weight_is_rounded(tmp_path):
    row = row_of("bp", "--precision=64-true", "--data.val_size=1000")
    with told_to_end_in_epoch("bp", 1):
        run(row, 0, CPU, tmp_path / "parts")
    resumed, undisturbed = (run(row, 0, CPU, tmp_path / name) for name in ("parts", "whole"))
    assert resumed["weights_sha256"] == undisturbed["weights_sha256"]


def test_killed_before_validation_the_epoch_is_validated(tmp_path, monkeypatch):
    row = replace(dropout_row(), epochs=2)
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(ALGORITHMS["pepita"], "on_validation_epoch_start", Mock(side_effect=OSError))
        run(row, 0, OFTEN, tmp_path)
    assert len(run(row, 0, CPU, tmp_path)["curve"]) == 2


def test_checkpoints_take_a_hundredth_of_the_time(tmp_path, monkeypatch):
    """Saving that takes a second is due again after a hundred, however few were asked for."""
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint.os, "replace", lambda *_: now.__setitem__(0, now[0] + 1))
    callback = checkpoint.RunCheckpoint(tmp_path / "last.ckpt", "run", every=10)
    saves = []
    trainer: Any = Mock(is_global_zero=True, save_checkpoint=saves.append)
    trainer.strategy.reduce_boolean_decision = bool
    for second in (9, 10, 20, 110, 111):
        now[0] = second
        callback._save_if_due(trainer)
        saves.append(second)
    path = tmp_path / "last.partial"
    assert saves == [9, path, 10, 20, 110, path, 111]


def test_schedule_moves_the_learning_rate(tmp_path):
    row = row_of("bp", "--optim.schedule=step", "--optim.milestones=[1]", epochs=2)
    run(row, 0, CPU, tmp_path)
    checkpoint = torch.load(run_folder(tmp_path, row, 0) / "last.ckpt", weights_only=True)
    lr = checkpoint["optimizer_states"][0]["param_groups"][0]["lr"]
    assert lr == pytest.approx(0.1 * row.optim["lr"])


def test_divergence_stops_early_and_is_recorded(tmp_path):
    row = row_of("bp", "--optim.lr=1e30", epochs=5)
    record = run(row, 0, CPU, tmp_path)
    assert record["status"] == "diverged" and len(record["curve"]) < 5
    path = next((tmp_path / "records").glob("*.json"))
    assert json.loads(path.read_text())["metrics"] == {}


def test_full_disk_is_one_line_and_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    row = row_of("bp", epochs=2)
    saved = []

    def full(source, target):
        if saved:
            raise OSError(28, "No space left on device")
        saved.append(target)
        return replace(source, target)

    replace = checkpoint.os.replace
    monkeypatch.setattr(checkpoint.os, "replace", full)
    with pytest.raises(UserError, match="No space left"):
        run(row, 0, OFTEN, tmp_path)
    assert [p.name for p in run_folder(tmp_path, row, 0).glob("last*")] == ["last.ckpt"]


def test_checksum_of_a_network_with_batch_norm():
    net = torch.nn.BatchNorm1d(2)
    before = runner.weights_sha256(net)
    net.num_batches_tracked += 1
    assert runner.weights_sha256(net) != before
