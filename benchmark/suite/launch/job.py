"""Jobs: what a queue runs. A job is small, can be pickled, and goes on from its own checkpoint."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from benchmark.errors import UserError, mendable, room_in
from benchmark.measure import Measure
from benchmark.suite.launch.cost import seconds_of
from benchmark.suite.launch.grouping import GroupJob, groups
from benchmark.suite.records import records
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.row import Row
from benchmark.suite.run.bench import Job as RowJob
from benchmark.suite.run.claims import claim
from benchmark.suite.run.runner import run, run_folder, run_key


class Job(Protocol):
    """What a queue runs.

    Attributes:
        key: its unique name, fit for a file name; jobs that differ in what follows ``-s`` alone
            cost the same.
        title: for people.
    """

    @property
    def key(self) -> str: ...

    @property
    def title(self) -> str: ...

    def cost(self) -> float:
        """Estimated seconds, for the order and the time left."""

    def done(self, results: Path) -> bool:
        """Whether its result lies in the results folder."""

    def run(self, results: Path) -> None:
        """Do it; go on from a checkpoint if there is one. Raises UserError with one line."""


@dataclass(frozen=True)
class RunJob:
    """One row with one seed: trained, tested, recorded.

    Attributes:
        again: also where it is recorded; the new record replaces the old one.
        seconds: that it takes, known or estimated.
    """

    row: Row
    seed: int
    machine: Machine
    measure: Measure
    origin: Mapping[str, Any]
    again: bool
    seconds: float

    @property
    def key(self) -> str:
        return run_key(self.row, self.seed)

    @property
    def title(self) -> str:
        return f"{self.row.title} seed {self.seed}"

    def cost(self) -> float:
        return self.seconds

    def done(self, results: Path) -> bool:
        return not self.again and records.find(results, self.row.hash, self.seed) is not None

    def run(self, results: Path) -> None:
        if self.again:
            shutil.rmtree(run_folder(results, self.row, self.seed), ignore_errors=True)
        run(
            self.row, self.seed, self.machine, results, self.again, self.measure, self.origin
        )  # fmt: skip


def run_jobs(rows: Iterable[RowJob], results: Path, again: bool = False) -> list[Job]:
    """One job per row and seed, or for as many seeds as train together."""
    jobs: list[Job] = []
    for job in rows:
        row, machine, measure, origin = job.row, job.machine, job.measure, job.origin
        seconds = seconds_of(row, results)
        for seeds in groups(job):
            total = len(seeds) * seconds
            jobs.append(
                GroupJob(row, seeds, machine, measure, origin, again, total)
                if len(seeds) > 1
                else RunJob(row, seeds[0], machine, measure, origin, again, total)
            )
    return jobs


class Report(NamedTuple):
    """How a job ended: ``elsewhere`` means that another launch is at work on it.

    Attributes:
        reason: one line, where it failed.
        seconds: that it took; None where its result was there already.
    """

    status: Literal["done", "failed", "elsewhere"]
    reason: str = ""
    seconds: float | None = None


def attempt(job: Job, results: Path, begin: Callable[[], None] = lambda: None) -> Report:
    """Run a job, ``begin`` first, unless its result is there or another launch is at work on it."""
    try:
        with room_in(results), claim(results, job.key) as ours:
            if not ours:
                return Report("elsewhere")
            if job.done(results):
                return Report("done")
            begin()
            start = time.monotonic()
            job.run(results)
            return Report("done", seconds=time.monotonic() - start)
    except BrokenPipeError:
        raise
    except Exception as bare:
        error = mendable(bare)
        if not isinstance(error, UserError):
            traceback.print_exc()
        return Report("failed", one_line(error))


def one_line(error: Exception) -> str:
    """An exception for people; a bug names its type."""
    lines = str(error).strip().splitlines() or [""]
    return lines[0] if isinstance(error, UserError) else f"{type(error).__name__}: {lines[0]}"
