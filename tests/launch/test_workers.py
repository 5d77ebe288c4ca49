"""Real workers: weights as without them, failures, kills at random moments, two launches."""

import os
import signal

import pytest

from benchmark.suite.launch.cores import Local
from benchmark.suite.launch.queue import run_queue
from tests.launch.chaos import check, survive
from tests.launch.jobs import (
    Fake,
    alive,
    launcher,
    owners,
    runs,
    wait_for,
    without_interruption,
)

pytestmark = pytest.mark.xdist_group("workers")  # they share the process that workers come from
JOBS = runs("bp", "pepita", seeds=2)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return without_interruption(JOBS, tmp_path_factory.mktemp("undisturbed"))


def test_a_failing_job_is_named_and_a_dead_worker_replaced(tmp_path):
    jobs = [Fake("bug", "bug", 1), Fake("die", "die", 2), Fake("fail", "fail", 3), Fake("good")]
    outcome = run_queue(jobs, tmp_path, Local(1))
    assert outcome.done == 1 and dict(outcome.failed) == {
        "bug": "ValueError: a bug",
        "die": "its worker was killed (SIGKILL; the system does so when memory runs out)",
        "fail": "there is no such data",
    }
    assert "in two lines" in (tmp_path / "jobs" / "bug.log").read_text()
    assert not (tmp_path / "jobs" / "good.log").exists()


def test_two_launches_at_once_run_every_job_once(tmp_path, expected):
    launchers = [launcher(JOBS, tmp_path, workers=1) for _ in range(2)]
    for process in launchers:
        process.join()
    assert [process.exitcode for process in launchers] == [0, 0]
    check(JOBS, tmp_path, expected)
    assert len((tmp_path / "ran").read_text().split()) == len(JOBS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_workers_at_a_checkpoint(number, tmp_path, expected):
    jobs = runs("bp", "pepita", epochs=500)
    process = launcher(jobs, tmp_path)
    wait_for(lambda: len(list(tmp_path.glob("runs/*/last.ckpt"))) == 2)
    workers = owners(tmp_path)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == 128 + number
    assert len(workers) == 2 and not any(map(alive, workers))
    for job in jobs:
        log = (tmp_path / "jobs" / f"{job.key}.log").read_text()
        assert "stopped; the same command goes on from here" in log


def test_kills_at_random_moments_change_nothing(tmp_path, expected):
    """``python -m tests.launch.chaos`` does more of them."""
    survive(JOBS, tmp_path, ["worker", "launcher"], patience=1.5)
    check(JOBS, tmp_path, expected)
