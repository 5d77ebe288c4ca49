"""A real Slurm on this machine: an array, its failures, scancel, the end of time, requeue."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from benchmark.suite.launch import slurm
from benchmark.suite.launch.queue import Outcome, run_queue
from benchmark.suite.launch.slurm import Slurm
from tests.launch.chaos import check
from tests.launch.jobs import Fake, owners, runs, wait_for, without_interruption

NODE = Path(__file__).parent / "slurm_node.sh"
NEEDED = [name for name in ("slurmctld", "slurmd", "munged") if shutil.which(name) is None]
pytest.importorskip("submitit")
pytestmark = [
    pytest.mark.skipif(bool(NEEDED), reason=f"{', '.join(NEEDED)} not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="slurmd needs root"),
    pytest.mark.xdist_group("slurm"),
]


@pytest.fixture(scope="module", autouse=True)
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        patch.setattr(slurm, "POLL", 0.2)
        subprocess.run([NODE, "start", folder], check=True)
        yield
        subprocess.run([NODE, "stop", folder], check=True)


def end(results, *command):
    """Run a command of Slurm that ends the task at work; it must have saved a checkpoint."""
    now = time.time()
    saved = lambda: any(p.stat().st_mtime > now for p in results.glob("runs/*/last.ckpt"))  # noqa: E731
    wait_for(lambda: saved() and owners(results))
    subprocess.run(command, check=True)
    wait_for(lambda: not owners(results))
    errors = "".join(path.read_text() for path in results.glob("jobs/slurm/*.err"))
    assert "stopped; the same command goes on from here" in errors


def let_go(task):
    """Slurm holds a requeued task for two minutes; an operator can let it go.

    Not within the second in which it was killed: its credential would be taken for the revoked one.
    """
    wait_for(lambda: slurm._states() == {task: "PENDING"})
    subprocess.run(["scontrol", "update", f"jobid={task}", "starttime=now+2"], check=True)


def test_an_array_ends_with_all_done_and_failures_named(tmp_path):
    jobs = [Fake("good"), Fake("fail", "fail", 2), Fake("die", "die", 3)]
    outcome = run_queue(jobs, tmp_path, Slurm("main", wait=True))
    reasons = dict(outcome.failed)
    assert outcome.done == 1 and reasons["fail"] == "there is no such data"
    assert "was cancelled or killed, see" in reasons["die"]


def test_scancel_requeue_and_the_end_of_time_go_on_from_the_checkpoint(tmp_path, capsys):
    jobs = runs("pepita", epochs=100)
    expected = without_interruption(jobs, tmp_path / "undisturbed")
    place = Slurm("main,time=5")

    assert run_queue(jobs, tmp_path, place) == Outcome(left=1)
    (task,) = slurm._states()
    assert run_queue(jobs, tmp_path, place) == Outcome(left=1)
    assert "1 with Slurm already" in capsys.readouterr().err
    assert list(slurm._states()) == [task]

    end(tmp_path, "scancel", "--signal=USR2", task)  # as Slurm does before the end of its time
    let_go(task)
    end(tmp_path, "scontrol", "requeue", task)  # as it does to one that is preempted
    let_go(task)
    end(tmp_path, "scancel", task)
    wait_for(lambda: not slurm._states())
    assert not list((tmp_path / "records").glob("*.json"))

    assert run_queue(jobs, tmp_path, Slurm("main", wait=True)) == Outcome(done=1)
    check(jobs, tmp_path, expected)


def test_a_partition_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(slurm.UserError, match="cannot submit to Slurm"):
        run_queue([Fake("a"), Fake("b")], tmp_path, Slurm("nowhere"))
    assert not list(tmp_path.glob("jobs/slurm/*.json"))
