"""Two commands of one row at once, in processes of their own: what one trains, the other does not.

Training is noted as it begins; a barrier lets both commands begin at the same moment.
"""

import os
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from benchmark.cli import main
from benchmark.errors import UserError
from benchmark.suite.run import bench, runner, search
from benchmark.suite.run.claims import claim
from tests.launch.jobs import checksums

pytestmark = pytest.mark.xdist_group("workers")
ROW = ["--algorithm=bp", "--seeds=1", "--network.hidden=[4]", "--epochs=3"]


def _run(args, noted: Path, log: Path, barrier) -> None:
    sys.stdout = sys.stderr = log.open("w", buffering=1)
    train = runner.train

    def noting(*args):
        with noted.open("a") as file:
            file.write("begin\n")
        trained = train(*args)
        with noted.open("a") as file:
            file.write("end\n")
        return trained

    runner.train = search.train = noting
    barrier.wait()
    os._exit(main(args))


def twice(args, folder: Path):
    """Exit codes, what was noted, and what the two commands said."""
    context = get_context("fork")
    barrier, noted = context.Barrier(2), folder / "noted"
    logs = [folder / f"log{i}" for i in range(2)]
    both = [context.Process(target=_run, args=(args, noted, log, barrier)) for log in logs]
    for process in both:
        process.start()
    for process in both:
        process.join()
    said = [log.read_text() for log in logs]
    assert [process.exitcode for process in both] == [0, 0], "\n".join(said)
    return noted.read_text().split(), said


def test_bench(tmp_path):
    results = tmp_path / "results"
    noted, said = twice(["bench", *ROW, "--workers=1", f"--results={results}"], tmp_path)
    assert noted == ["begin", "end"] and len(checksums(results)) == 1
    assert any("running elsewhere; waiting" in text for text in said)
    assert all("mnist5k" in text and "remove" not in text for text in said)


def test_rerun(tmp_path):
    assert main(["bench", *ROW, f"--results={tmp_path}"]) == 0
    (record,) = tmp_path.glob("records/*.json")
    noted, said = twice(["rerun", str(record), f"--results={tmp_path}"], tmp_path)
    assert noted == ["begin", "end"] * 2
    assert all("equal bits" in text for text in said)
    assert any("another launch is at work" in text for text in said)


def test_tune(tmp_path):
    args = ["tune", *ROW[1:], "--algorithm=bp", "--trials=3", "--data.val_size=500"]
    noted, said = twice([*args, f"--results={tmp_path}"], tmp_path)
    assert noted == ["begin", "end"] * 3
    assert all("best:" in text for text in said)
    assert any("another launch is at work" in text for text in said)


@pytest.mark.parametrize("started_by_others", [False, True])
def test_rows_of_several_processes_are_held_until_they_end(
    started_by_others, tmp_path, monkeypatch, capsys
):
    """Those that a cluster has started cannot wait for one another: they are refused."""
    held = []
    monkeypatch.setattr(bench, "is_started_by_others", lambda: started_by_others)
    monkeypatch.setattr(bench, "run", lambda *args: held.extend(tmp_path.glob("jobs/*.claim")))
    front = bench.Namespace(algorithm="bp", dataset=None, network=None, config=[], baseline="true")
    rows = bench.rows_to_run(front, ["--seeds=2"])
    bench.run_rows(rows, tmp_path)
    assert len(held) == 4 and not list(tmp_path.glob("jobs/*.claim"))
    if started_by_others:
        with (
            claim(tmp_path, runner.run_key(rows[0].row, 1)),
            pytest.raises(UserError, match="another launch"),
        ):
            bench.run_rows(rows, tmp_path)
