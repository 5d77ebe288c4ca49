"""Jobs for these tests, and launchers in processes of their own that can be killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from benchmark.errors import UserError
from benchmark.measure import Measure
from benchmark.suite.launch.cores import Local
from benchmark.suite.launch.job import RunJob, run_jobs
from benchmark.suite.launch.queue import Outcome, run_queue
from benchmark.suite.rows.machine import Machine
from benchmark.suite.run.bench import Job as RowJob
from tests.conformance.rows import row_of

# Checkpoints at every chance: a kill falls on any of them.
OFTEN = Machine(accelerator="cpu", checkpoint_seconds=0)


@dataclass(frozen=True)
class Fake:
    """A job that notes its title when it runs.

    Attributes:
        does: nothing, or ``fail``, ``bug``, ``die``.
    """

    title: str
    does: str = ""
    seconds: float = 1.0

    @property
    def key(self) -> str:
        return self.title

    def cost(self) -> float:
        return self.seconds

    def done(self, results: Path) -> bool:
        return (results / self.title).exists()

    def run(self, results: Path) -> None:
        with (results / "order").open("a") as file:
            file.write(f"{self.title}\n")
        if self.does == "fail":
            raise UserError("there is no such data")
        if self.does == "bug":
            raise ValueError("a bug\nin two lines")
        if self.does == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        (results / self.title).touch()


class Noted(RunJob):
    """A run that notes, in one write, that it has come to its end."""

    def run(self, results: Path) -> None:
        super().run(results)
        with (results / "ran").open("a") as file:
            file.write(f"{self.key}\n")


def runs(*algorithms: str, seeds: int = 1, epochs: int = 8) -> list[RunJob]:
    """Tiny rows, noted as they end."""
    rows = [
        RowJob(row_of(name, epochs=epochs), list(range(seeds)), OFTEN, Measure(0), {})
        for name in algorithms
    ]
    return [Noted(**vars(job)) for job in run_jobs(rows, Path("nowhere"))]


def launcher(jobs, results: Path, workers: int = 2):
    """A process that runs a queue. Its exit code is 2 where jobs failed."""
    process = get_context("fork").Process(target=_launch, args=(jobs, results, workers))
    process.start()
    return process


def _launch(jobs, results: Path, workers: int) -> None:
    try:
        outcome: Outcome = run_queue(jobs, results, Local(workers))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    raise SystemExit(2 if outcome.failed else 0)


def owners(results: Path) -> set[int]:
    """Process ids of those that hold a job, from the system's list of locks."""
    claimed = set()
    for path in (results / "jobs").glob("*.claim"):
        with suppress(FileNotFoundError):
            claimed.add(str(path.stat().st_ino))
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {int(w[4]) for w in locks if w[1] == "FLOCK" and w[5].split(":")[-1] in claimed}


def wait_for(condition, seconds: float = 300) -> None:
    """Until it holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def without_interruption(jobs, results: Path) -> dict[str, str]:
    """Key -> checksum of the weights, of jobs run one after another in this process."""
    calm = replace(OFTEN, checkpoint_seconds=60)
    for job in jobs:
        RunJob.run(replace(job, machine=calm), results)
    return checksums(results)


def checksums(results: Path) -> dict[str, str]:
    """Key -> checksum of the weights, of all records; every run has one record."""
    from benchmark.suite.records import records

    return {f"{r['row_hash']}-s{r['seed']}": r["weights_sha256"] for r in records.load(results)}
