"""Seeds of a row that one process trains together, as a job."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmark.data import DATASETS
from benchmark.data.resident import ResidentData
from benchmark.errors import UserError
from benchmark.measure import Measure
from benchmark.population import why_apart
from benchmark.streams import stream
from benchmark.suite.records import records
from benchmark.suite.rows.datasets import images_of
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.row import Row, build_algorithm
from benchmark.suite.run.bench import Job as RowJob
from benchmark.suite.run.claims import claim_in_turn
from benchmark.suite.run.group import group_folder, group_key, group_title, run_group
from benchmark.suite.run.runner import run_folder, run_key

TRIED = 32  # images, at most, on which a row is tried


@dataclass(frozen=True)
class GroupJob:
    """One row with several seeds: trained together, tested and recorded one by one.

    Attributes:
        again: also those that are recorded; new records replace the old ones.
        seconds: that it takes, estimated.
    """

    row: Row
    seeds: tuple[int, ...]
    machine: Machine
    measure: Measure
    origin: Mapping[str, Any]
    again: bool
    seconds: float

    @property
    def key(self) -> str:
        return group_key(self.row, self.seeds)

    @property
    def title(self) -> str:
        return group_title(self.row, self.seeds)

    def cost(self) -> float:
        return self.seconds

    def _left(self, results: Path) -> tuple[int, ...]:
        """Seeds that are to be trained."""
        known = partial(records.find, results, self.row.hash)
        return tuple(seed for seed in self.seeds if self.again or known(seed) is None)

    def done(self, results: Path) -> bool:
        return not self._left(results)

    def run(self, results: Path) -> None:
        titles = {run_key(self.row, seed): f"{self.row.title} seed {seed}" for seed in self.seeds}
        with ExitStack() as held:
            for key in sorted(titles):  # in one order: no two launches wait for each other
                held.enter_context(claim_in_turn(results, key, titles[key]))
            seeds = self._left(results)
            if self.again:
                shutil.rmtree(group_folder(results, self.row, seeds), ignore_errors=True)
                for seed in seeds:
                    shutil.rmtree(run_folder(results, self.row, seed), ignore_errors=True)
            if seeds:
                run_group(
                    self.row, seeds, self.machine, results, self.again, self.measure, self.origin
                )  # fmt: skip


def groups(job: RowJob) -> list[tuple[int, ...]]:
    """The seeds of a job, those together that one process trains; a line says why they are not."""
    size = job.machine.population
    if size > 1 and len(job.seeds) > 1 and (why := why_one_by_one(job.row)):
        print(f"{job.row.title}: its seeds train one by one, as {why}", file=sys.stderr)
        size = 1
    seeds = tuple(job.seeds)
    return [seeds[k : k + size] for k in range(0, len(seeds), size)]


def why_one_by_one(row: Row) -> str:
    """Why seeds of a row cannot be trained together; empty if they can. Tried on random images."""
    if not issubclass(DATASETS[row.data["name"]], ResidentData):
        return "its images are read from files"
    shape, classes = images_of(row)
    if shape is None:
        return "it is not known which images its network takes"
    draws, n = stream(0, "population"), min(row.data["batch_size"], TRIED)
    x = torch.rand(2, n, *shape, generator=draws)
    y = torch.randint(classes, (2, n), generator=draws)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # workers are forks of this process, which must have no other thread
    try:
        return why_apart(lambda seed: build_algorithm(row, seed, shape, classes), x, y)
    except UserError:  # it cannot be built: the run says so
        return "it cannot be built"
    finally:
        torch.set_num_threads(threads)
