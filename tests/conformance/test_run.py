"""Whole runs of every algorithm: they learn, keep fixed feedback, and resume bit for bit."""

import json

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.run import runner
from benchmark.run.runner import Machine, run, run_folder
from tests.conformance.rows import row_of

every = pytest.mark.parametrize("name", list(ALGORITHMS))
CPU = Machine(accelerator="cpu", checkpoint_seconds=0)

# Algorithms whose buffers change by definition: signs of the weights, running mean squares.
REFRESHED = {"usf", "brsf", "frsf", "ia", "aa", "primitives"}


def weights(results, row, seed=0):
    checkpoint = run_folder(results, row, seed) / "last.ckpt"
    return torch.load(checkpoint, weights_only=True)["state_dict"]


@every
def test_learns_and_keeps_fixed_feedback(name, tmp_path):
    row = row_of(name, epochs=4)
    built = []
    original = runner.build_algorithm

    def keep(*args):
        algorithm = original(*args)
        built.append({k: v.clone() for k, v in algorithm.named_buffers()})
        return algorithm

    runner.build_algorithm = keep
    try:
        record = run(row, 0, CPU, tmp_path)
    finally:
        runner.build_algorithm = original
    curve = record["curve"]
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    assert record["metrics"]["val_acc"] > 60
    if name not in REFRESHED:
        final = weights(tmp_path, row)
        assert all(torch.equal(v, final[k]) for k, v in built[0].items() if k in final)


class Killed(Exception):
    pass


@every
def test_resume_equals_uninterrupted_bit_for_bit(name, tmp_path, monkeypatch):
    row = row_of(name, "--optim.schedule=cosine", epochs=3)
    whole = run(row, 0, CPU, tmp_path / "whole")

    def die(self):
        if self.current_epoch == 2:
            raise Killed

    with monkeypatch.context() as patch:
        cls = ALGORITHMS[name]
        start = cls.on_train_epoch_start
        patch.setattr(cls, "on_train_epoch_start", lambda self: (die(self), start(self))[1])
        with pytest.raises(Killed):
            run(row, 0, CPU, tmp_path / "parts")
    parts = run(row, 0, CPU, tmp_path / "parts")
    assert parts["weights_sha256"] == whole["weights_sha256"]
    timeless = [{k: v for k, v in p.items() if k != "seconds"} for p in parts["curve"]]
    assert timeless == [{k: v for k, v in p.items() if k != "seconds"} for p in whole["curve"]]


def test_dropout_run_resumes_bit_for_bit(tmp_path, monkeypatch):
    row = row_of("pepita", "--network.dropout=0.2", epochs=2)
    whole = run(row, 0, CPU, tmp_path / "whole")
    monkeypatch.setattr(runner.Recorder, "on_train_epoch_start", _die_in_second_epoch)
    with pytest.raises(Killed):
        run(row, 0, CPU, tmp_path / "parts")
    monkeypatch.undo()
    assert run(row, 0, CPU, tmp_path / "parts")["weights_sha256"] == whole["weights_sha256"]


def _die_in_second_epoch(self, trainer, module):
    if trainer.current_epoch == 1:
        raise Killed
    self._started, self._training, self._seconds = 0.0, True, 0.0


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
