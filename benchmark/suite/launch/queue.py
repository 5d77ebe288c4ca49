"""The queue: which job is next, which run, how they ended, and how long the rest will take."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmark.errors import UserError
from benchmark.suite.launch.job import Job, Report
from benchmark.suite.run.claims import ASK_AGAIN


@dataclass
class Outcome:
    """Numbers of jobs done, found done, and left to others; (title, reason) of failed ones."""

    done: int = 0
    skipped: int = 0
    left: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)

    def check(self) -> None:
        """Raise UserError if any failed: with the line, or after a line for each reason."""
        titles: dict[str, list[str]] = {}
        for title, reason in self.failed:
            titles.setdefault(reason, []).append(title)
        lines = [f"{_some(names)}: {reason}" for reason, names in titles.items()]
        if len(lines) == 1:
            raise UserError(lines[0])
        if lines:
            print(*(f"failed: {line}" for line in lines), sep="\n", file=sys.stderr)
            raise UserError(f"{len(self.failed)} jobs failed, as said above; all others are done")


class Place(Protocol):
    """Where jobs run: this machine's cores, its GPUs, a cluster."""

    def run(self, queue: Queue) -> None:
        """Run the queue until it is empty."""


@dataclass
class Running:
    """A job at work, with its epochs so far and the time and epoch at which it was first heard."""

    job: Job
    started: float
    epoch: int = 0
    epochs: int = 0
    first: tuple[float, int] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it began at its first epoch, as far as was heard, not at a checkpoint."""
        return self.first is None or self.first[1] == 0

    def seconds_left(self, cost: float) -> float:
        """From the pace of its epochs, else from what such a job takes."""
        now = time.monotonic()
        if self.first and self.epoch > self.first[1]:
            pace = (now - self.first[0]) / (self.epoch - self.first[1])
            return pace * (self.epochs - self.epoch)
        return max(cost - (now - self.started), 0.0)


class Queue:
    """Jobs in three heaps: pending, running, and claimed by another launch.

    Args:
        jobs: those whose result is there already are left out.
        results: the results folder.
    """

    def __init__(self, jobs: Iterable[Job], results: Path) -> None:
        unique = {job.key: job for job in jobs}
        self.results = results
        self.pending = {key: job for key, job in unique.items() if not job.done(results)}
        self.running: dict[str, Running] = {}
        self.elsewhere: dict[str, Job] = {}
        self.outcome = Outcome(skipped=len(unique) - len(self.pending))
        self._took: dict[str, float] = {}  # kind of job -> seconds
        self._seconds = self._estimated = 0.0  # of all finished jobs
        self._asked = 0.0

    @property
    def empty(self) -> bool:
        return not (self.pending or self.running or self.elsewhere)

    def take(self) -> Job | None:
        """The cheapest pending job, now running; None where there is none at this moment.

        When all others are taken, those that run elsewhere are asked for again now and then: their
        owner may have died.
        """
        if not self.pending and time.monotonic() >= self._asked + ASK_AGAIN:
            self._asked = time.monotonic()
            self.pending, self.elsewhere = self.elsewhere, {}
        if not self.pending:
            return None
        return self.start(self.in_order()[0].key)

    def in_order(self) -> list[Job]:
        """What is pending, cheapest first."""
        return sorted(self.pending.values(), key=lambda job: (self.cost(job), job.key))

    def start(self, key: str) -> Job:
        """A pending job, now running."""
        job = self.pending.pop(key)
        self.running[key] = Running(job, time.monotonic())
        return job

    def heard(self, job: Job, epoch: int, epochs: int) -> None:
        """A running job's epochs so far, of how many."""
        running = self.running[job.key]
        running.epoch, running.epochs = epoch, epochs
        if running.first is None or epoch < running.first[1]:
            running.first = (time.monotonic(), epoch)

    def ended(self, job: Job, report: Report) -> None:
        """A running job has ended, or turned out to run elsewhere."""
        ran = self.running.pop(job.key)
        if report.status == "elsewhere":
            self.elsewhere[job.key] = job
        elif report.status == "failed":
            self.outcome.failed.append((job.title, report.reason))
        else:
            self.outcome.done += 1
            if report.seconds is not None and ran.is_whole:
                kind = _kind(job)
                self._took[kind] = max(report.seconds, self._took.get(kind, 0.0))
                self._seconds += report.seconds
                self._estimated += job.cost()

    def cost(self, job: Job) -> float:
        """Seconds: what another seed of it took, else its estimate as wrong as those before."""
        wrong = self._seconds / self._estimated if self._estimated else 1.0
        return self._took.get(_kind(job), job.cost() * wrong)

    def seconds_left(self, workers: int) -> float:
        """Until this queue is empty; no less than the longest job takes."""
        left = [self.cost(job) for job in self.pending.values()]
        left += [run.seconds_left(self.cost(run.job)) for run in self.running.values()]
        return max(sum(left) / workers, max(left, default=0.0))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _kind(job: Job) -> str:
    return job.key.rpartition("-s")[0] or job.key


def run_queue(jobs: Iterable[Job], results: Path, where: Place) -> Outcome:
    """Run what is not done yet, cheapest first; a failing job stops no other.

    Ctrl-C and SIGTERM stop all at a checkpoint.

    Args:
        jobs: to run.
        results: the results folder.
        where: ``Local``, ``Gpus`` or ``Slurm``.
    """
    queue = Queue(jobs, results)
    if not queue.empty:
        with _sigterm_raises():
            where.run(queue)
    queue.outcome.left = len(queue.pending) + len(queue.elsewhere)
    return queue.outcome


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM ends this process by an exception, so that workers are stopped on the way."""

    def stop(*_: Any) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
