"""The queue without processes: order, costs, what is skipped, what is said; and claims."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from benchmark.errors import UserError
from benchmark.suite.launch import cores
from benchmark.suite.launch import queue as queue_module
from benchmark.suite.launch.cores import Here
from benchmark.suite.launch.cost import estimate, seconds_of
from benchmark.suite.launch.job import Report, attempt
from benchmark.suite.launch.progress import line
from benchmark.suite.launch.queue import Outcome, Queue, run_queue
from benchmark.suite.launch.slurm import Slurm
from benchmark.suite.records import records
from benchmark.suite.run.claims import claim
from tests.conformance.rows import row_of
from tests.launch.jobs import Fake, runs

HOLDER = """
import sys, time
from pathlib import Path
from benchmark.suite.run.claims import claim
with claim(Path(sys.argv[1]), "job") as ours:
    print(ours, flush=True)
    time.sleep(60)
"""


def test_a_claim_excludes_all_others_until_its_owner_dies(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "True\n"
        with claim(tmp_path, "job") as ours, claim(tmp_path, "another") as free:
            assert not ours and free
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    with claim(tmp_path, "job") as ours:
        assert ours
        with claim(tmp_path, "job") as twice:
            assert not twice
    assert not list((tmp_path / "jobs").iterdir())


def test_a_claim_on_a_file_that_its_last_owner_removed_is_taken_anew(tmp_path, monkeypatch):
    """Between our opening of the file and our lock, its owner ends: the lock is on no file."""
    path, lock, calls = tmp_path / "jobs" / "job.claim", fcntl.flock, []

    def late(file, how):
        calls.append(file)
        if len(calls) == 1:
            path.unlink()
        return lock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with claim(tmp_path, "job") as ours:
        assert ours and len(calls) == 2
        assert os.path.samestat(path.stat(), os.fstat(calls[-1]))


def test_cheapest_first_and_what_is_done_is_skipped(tmp_path):
    jobs = [Fake("long", seconds=9), Fake("done"), Fake("short", seconds=2), Fake("mid", seconds=3)]
    (tmp_path / "done").touch()
    outcome = run_queue(jobs, tmp_path, Here())
    assert outcome == Outcome(done=3, skipped=1)
    assert (tmp_path / "order").read_text().split() == ["short", "mid", "long"]


def test_costs_follow_what_jobs_took(tmp_path):
    """Another seed of a row costs what the first did; estimates are as wrong as those before."""
    jobs = [Fake("a-s0", seconds=1), Fake("a-s1", seconds=1), Fake("b-s0", seconds=5)]
    queue = Queue(jobs, tmp_path)
    assert queue.seconds_left(workers=1) == pytest.approx(7)
    queue.ended(queue.take(), Report("done", seconds=3))
    assert queue.cost(jobs[1]) == 3 and queue.cost(jobs[2]) == 15
    assert queue.seconds_left(workers=2) == 15  # the longest job bounds it


def test_a_job_that_went_on_from_a_checkpoint_says_nothing_of_costs(tmp_path):
    queue = Queue([Fake("a-s0", seconds=9), Fake("a-s1", seconds=9)], tmp_path)
    job = queue.take()
    queue.heard(job, 90, 100)
    queue.ended(job, Report("done", seconds=1))
    assert queue.seconds_left(workers=1) == 9


def test_time_left_of_a_running_job_follows_its_epochs(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(queue_module.time, "monotonic", lambda: now[0])
    queue = Queue([Fake("a", seconds=1000)], tmp_path)
    job = queue.take()
    for epoch in (10, 11, 12):  # resumed at epoch 10
        queue.heard(job, epoch, 20)
        now[0] += 2
    assert queue.seconds_left(1) == pytest.approx(8 * 3)
    assert line(queue, 1) == "0 of 1 done, about 24 s left; running: a 12/20"


def test_jobs_that_run_elsewhere_are_waited_for_and_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(queue_module, "ASK_AGAIN", 0.0)
    queue = Queue([Fake("a"), Fake("b")], tmp_path)
    with claim(tmp_path, "a"):
        queue.ended(job := queue.take(), attempt(job, tmp_path))
        assert list(queue.elsewhere) == ["a"] and not queue.empty
    queue.ended(job := queue.take(), attempt(job, tmp_path))
    assert line(queue, 1) == "1 of 2 done, 1 running elsewhere; waiting for them"
    queue.ended(job := queue.take(), attempt(job, tmp_path))
    assert queue.empty and queue.outcome.done == 2


def test_failures_are_named_by_their_reason(tmp_path, capsys):
    jobs = [Fake("x", "fail"), Fake("y", "fail"), Fake("z", "bug"), Fake("good")]
    outcome = run_queue(jobs, tmp_path, Here())
    assert outcome.done == 1
    with pytest.raises(UserError, match="3 jobs failed"):
        outcome.check()
    error = capsys.readouterr().err
    assert "failed: x, y: there is no such data\n" in error
    assert "failed: z: ValueError: a bug\n" in error


def test_cost_is_as_recorded_else_estimated(tmp_path, monkeypatch):
    row = row_of("bp", epochs=10)
    twice, settled = row_of("bp", epochs=20), row_of("ep", epochs=10)
    assert estimate(twice) == pytest.approx(2 * estimate(row))
    assert estimate(settled) > 5 * estimate(row)
    estimated = seconds_of(row, tmp_path)
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / f"x-{row.hash}-s0.json").touch()
    monkeypatch.setattr(records, "read", lambda path: {"cost": {"seconds": 1234.0}})
    assert estimated < 1234 < seconds_of(row, tmp_path) < 1240


def test_two_runs_with_one_key_are_one_job(tmp_path):
    assert len(Queue([*runs("bp"), *runs("bp", seeds=2)], tmp_path).pending) == 2


def test_workers_are_dealt_to_the_visible_gpus_in_turn(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(cores, "run_here", lambda queue, environments: given.append(environments))
    monkeypatch.setattr(cores.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    run_queue([Fake("a")], tmp_path, cores.Gpus("all", per_gpu=2))
    assert [env["CUDA_VISIBLE_DEVICES"] for env in given[0]] == ["4", "6", "4", "6"]
    with pytest.raises(UserError, match="gpus 5: this machine has 4, 6"):
        run_queue([Fake("a")], tmp_path, cores.Gpus("5"))


@pytest.mark.parametrize("text", ["", "[1]", '{"7_0": 3}', "\xff", '{"7_0": "a"'])
def test_a_damaged_list_of_slurms_tasks_is_one_line(tmp_path, text):
    pytest.importorskip("submitit")
    path = tmp_path / "jobs" / "slurm" / "7.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"7\.json does not tell .* delete it"):
        run_queue([Fake("a")], tmp_path, Slurm("main"))
