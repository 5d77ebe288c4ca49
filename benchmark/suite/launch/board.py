"""``table --paper equal`` and ``depth``: the studies of a board, then their chosen rows."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from benchmark.measure import Measure
from benchmark.suite.launch.cost import seconds_of
from benchmark.suite.launch.equal import SEARCH_SEED, TRIAL_SEED, Entry
from benchmark.suite.launch.job import Job, run_jobs
from benchmark.suite.launch.place import place_of
from benchmark.suite.launch.queue import Outcome, run_queue
from benchmark.suite.records import studies
from benchmark.suite.run.bench import Job as RowJob
from benchmark.suite.run.tune import pursue


@dataclass(frozen=True)
class TuneJob:
    """One study: a rule's trials, one after the other.

    Attributes:
        entry: the rule in its table.
        study: title of the study.
        trials: settings to judge.
        seconds: that all of them take, estimated.
    """

    entry: Entry
    study: str
    trials: int
    seconds: float

    @property
    def key(self) -> str:
        return f"{self.study}-s{TRIAL_SEED}"

    @property
    def title(self) -> str:
        return f"search {self.study.rpartition('-')[0]}"

    def cost(self) -> float:
        return self.seconds

    def done(self, results: Path) -> bool:
        path = studies.path_of(results, self.study)
        return path.exists() and len(studies.read(path)["trials"]) >= self.trials

    def run(self, results: Path) -> None:
        pursue(self.entry.search(), self.trials, SEARCH_SEED, results)


def train_board(front: Namespace, seeds: list[int], tables: Iterable[list[Entry]]) -> Outcome:
    """Search and train what a board lacks, table by table, all studies of a table first.

    A rule whose study failed has no runs; the others go on.

    Args:
        front: trials, results, and where to run.
        seeds: of the runs.
        tables: the entries of each.
    """
    total = Outcome()
    for rules in tables:
        searched, starts = [], []
        for entry in tqdm(rules, "reading the settings", unit="search", leave=False, disable=None):
            search = entry.search()
            title, row = search.title(SEARCH_SEED), search.start_row
            seconds = front.trials * seconds_of(row, front.results)
            searched.append(TuneJob(entry, title, front.trials, seconds))
            starts.append(RowJob(row, [TRIAL_SEED], search.machine, Measure(0), {}))
        _add(total, searched, starts, front)
        ready = [job for job in searched if job.done(front.results)]
        chosen = [
            job.entry.row(seeds, studies.read(studies.path_of(front.results, job.study)))
            for job in ready
        ]
        _add(total, run_jobs(chosen, front.results), chosen, front)
    return total


def _add(total: Outcome, jobs: Sequence[Job], rows: Sequence[RowJob], front: Namespace) -> None:
    """Run the jobs of these rows, and add how they ended to the total."""
    if not jobs:
        return
    where = place_of(front, rows, len(jobs))
    assert where is not None  # a search refuses rows that train in several processes
    outcome = run_queue(jobs, front.results, where)
    total.done += outcome.done
    total.skipped += outcome.skipped
    total.left += outcome.left
    total.failed += outcome.failed
