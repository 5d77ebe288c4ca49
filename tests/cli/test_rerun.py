"""A record's run once more, what is said about it, and about rows that are recorded already."""

import json
import re
import subprocess
import sys

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.cli import main
from benchmark.suite.records.failed import failure
from benchmark.suite.run.rerun import judge

TINY = ["--epochs", "2", "--seeds", "[1]", "--network.hidden=[4]", "--baseline", "false"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A record's text; made with one thread."""
    results = tmp_path_factory.mktemp("recorded")
    assert main(["bench", *TINY, "--results", str(results)]) == 0
    return next((results / "records").glob("*.json")).read_text()


@pytest.fixture
def again(recorded, tmp_path, capsys, monkeypatch):
    """Changes the record, reruns it, and gives the exit code and what was said."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "results" / "records" / "x.json"
    path.parent.mkdir(parents=True)

    def rerun(change=lambda record: None, *args):
        record = json.loads(recorded)
        change(record)
        path.write_text(json.dumps(record))
        capsys.readouterr()
        code = main(["rerun", str(path), *args])
        assert json.loads(path.read_text()) == record
        assert list(tmp_path.rglob("*.json")) == [path]
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return rerun


def test_the_same_code_gives_equal_bits(again):
    code, said = again()
    assert code == 0 and "equal bits" in said and "mnist5k-mlp-dfa seed 1" in said
    losses = re.search(r"first epoch: (\S+) then, (\S+) now", said)
    assert losses[1] == losses[2]


def test_other_bits_within_noise_and_what_differs(again):
    def change(record):
        record["weights_sha256"] = "0" * 64
        record["metrics"]["test_acc"] += 0.1
        record["environment"] |= {"torch": "1.0", "instruction_set": "AVX9"}
        record["dataset"]["sha256"] = "ab"

    code, said = again(change)
    assert code == 0 and "equal within noise" in said
    assert f"torch: 1.0 then, {torch.__version__} now" in said
    assert "instruction_set: AVX9 then" in said and "sha256: ab then" in said
    assert "numpy" not in said and "threads" not in said


def test_another_accuracy_is_different(again):
    def change(record):
        record["weights_sha256"] = "0" * 64
        record["metrics"]["test_acc"] += 15

    code, said = again(change)
    assert code == 1 and "different: test" in said


def test_an_old_record_says_less(again):
    def change(record):
        del record["origin"]
        del record["dataset"]["classes"]
        record["environment"] = {"device": "cpu"}

    code, said = again(change)
    assert code == 0 and "equal bits" in said
    assert "blas: unknown then" in said and "classes: unknown then, 10 now" in said


def test_the_records_threads_are_used(again):
    seen = []
    fit = ALGORITHMS["dfa"].on_fit_start

    def look(self):
        seen.append(torch.get_num_threads())
        fit(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ALGORITHMS["dfa"], "on_fit_start", look)
        _, said = again(lambda record: record["environment"].update(threads=2))
    assert seen == [2] and torch.get_num_threads() == 1 and "threads: " not in said


def test_a_stopped_rerun_goes_on(again):
    training_step, started = ALGORITHMS["dfa"].training_step, []

    def stop(self, batch, i):
        started.append(self.current_epoch)
        if self.current_epoch == 1 and started.count(0) == len(started) - 1:
            raise KeyboardInterrupt
        training_step(self, batch, i)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ALGORITHMS["dfa"], "training_step", stop)
        quick = "--machine.checkpoint_seconds=0"
        assert again(lambda record: None, quick)[0] == 130
        code, said = again()
    assert code == 0 and "equal bits" in said and started.count(0) == 2


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--optim.lr=0.5"], "record's own row"),
        (["--machine.devices=2", "--machine.accelerator=cpu"], "one process"),
        (["--optim.lrr=0.5"], "optim.lr"),
    ],
)
def test_options_of_the_row_are_refused(again, args, words):
    code, said = again(lambda record: None, *args)
    assert code == 2 and words in said


def test_a_file_that_is_no_record_is_one_line(tmp_path, capsys):
    (tmp_path / "x.json").write_text("{}")
    assert main(["rerun", str(tmp_path / "x.json")]) == 2
    assert "broken record" in capsys.readouterr().err


def result(accuracy, status="ok", weights="a"):
    metrics = {"test_acc": accuracy} if status == "ok" else {}
    record = {"status": status, "weights_sha256": weights, "metrics": metrics, "curve": [{}]}
    sizes = {"name": "own", "test": 10000, "classes": 10}
    return record | {"dataset": sizes, "row": {"epochs": 5}}


@pytest.mark.parametrize(
    ("then", "now", "equal"),
    [
        (result(98.0), result(98.39, weights="b"), True),  # 3 sqrt(98.2 * 1.8 / 10000) = 0.399
        (result(98.0), result(98.5, weights="b"), False),
        (result(50.0), result(51.4, weights="b"), True),  # 1.5
        (result(50.0), result(51.6, weights="b"), False),
        (result(0, "diverged"), result(0, "diverged", "b"), True),
        (result(0, "diverged"), result(98.0, weights="b"), False),
    ],
)
def test_noise_is_three_standard_errors(then, now, equal):
    assert judge(then, now)[0] == judge(now, then)[0] == equal


def test_a_run_at_chance_has_failed():
    always_one = result(11.35)  # the share of the digit 1 in MNIST's test set
    assert "ended at chance: test 11.35 %" in failure(always_one)
    assert not failure(result(12.6))
    assert failure(result(0, "diverged")) == "diverged in epoch 1 of 5"
    del always_one["dataset"]["classes"]
    assert not failure(always_one)


@pytest.mark.parametrize("place", [["--workers=2"], ["--machine.devices=2"]])
def test_a_run_at_chance_says_so_at_its_end(tmp_path, capfd, place):
    """In workers, and in two processes at one run."""
    options = [*TINY, "--optim.lr=1e-9", "--machine.accelerator=cpu", *place]
    subprocess.run([sys.executable, "-m", "benchmark", "bench", *options], cwd=tmp_path, check=True)
    said = capfd.readouterr().out
    assert said.count("mnist5k-mlp-dfa seed 1 ended at chance: test") == 1


def test_already_recorded_says_when_where_and_by_which_commit(recorded, tmp_path, capsys):
    record = json.loads(recorded)
    record["finished"] = "2026-11-20T01:02:03Z"
    record["environment"] |= {"commit": "1a2b3c4d5e6f", "dirty": False, "device_name": "Xeon",
                              "instruction_set": "AVX512"}  # fmt: skip
    record["metrics"]["test_acc"] = 98.076
    path = tmp_path / "records" / f"x-{record['row_hash']}-s1.json"
    path.parent.mkdir()
    for change, words in (
        ({}, "on 2026-11-20 by commit 1a2b3c4 on Xeon (AVX512), test 98.08 %; --again"),
        (
            {"dirty": True, "instruction_set": None},
            "on 2026-11-20 by commit 1a2b3c4 with changes on Xeon, test",
        ),
        ({"commit": None, "device_name": None}, "on 2026-11-20 on cpu, test"),
    ):
        record["environment"] |= change
        path.write_text(json.dumps(record))
        assert main(["bench", *TINY, "--results", str(tmp_path)]) == 0
        assert f"already recorded: mnist5k-mlp-dfa seed 1, {words}" in capsys.readouterr().out
