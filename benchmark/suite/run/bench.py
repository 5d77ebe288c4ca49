"""The rows that a bench command asks for, and running them with all their seeds."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch.utilities import rank_zero_only

from benchmark.engine.distributed import together
from benchmark.engine.ranks import is_started_by_others
from benchmark.errors import UserError, room_in, unwritable
from benchmark.measure import Measure
from benchmark.options import check
from benchmark.suite.records import records
from benchmark.suite.records.failed import failure
from benchmark.suite.records.labels import task_key
from benchmark.suite.rows.choose import Choice, choices
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import Names, parse, read_row, row_parser, seeds_in, to_row
from benchmark.suite.rows.row import Row
from benchmark.suite.run.claims import claim, claim_in_turn
from benchmark.suite.run.provenance import config_name, made, origin
from benchmark.suite.run.runner import run, run_folder, run_key


class Job(NamedTuple):
    row: Row
    seeds: list[int]
    machine: Machine
    measure: Measure
    origin: dict[str, Any]


def rows_to_run(front: Namespace, args: list[str]) -> list[Job]:
    """One job per chosen row, backprop on the same network, data and budget first.

    A chosen row of backprop is the baseline of its task; where there is none, one with the suite's
    own settings for backprop is added.

    Args:
        front: algorithm, dataset, network, config (see :func:`choices`), baseline.
        args: the remaining command line, typed options of the rows.
    """
    chosen = choices(front)
    if "--print_config" in args and len(chosen) > 1:
        raise UserError("--print_config prints one row: choose one algorithm or file")
    jobs = [_job(choice, args) for choice in chosen]
    if front.baseline == "true":
        covered = {_task(job.row) for job in jobs if _is_backprop(job)}
        jobs = [_baseline(job) for job in jobs if _task(job.row) not in covered] + jobs
    unique = {job.row.hash: job for job in jobs}
    return sorted(unique.values(), key=lambda job: not _is_backprop(job))


def _is_backprop(job: Job) -> bool:
    return job.row.algorithm["name"] == "bp"


def _task(row: Row) -> str:
    """Equal for two rows exactly when backprop on one is the baseline of the other."""
    return task_key({"row": row.as_record(), "identity": row.identity, "dataset": row.data})


def _job(choice: Choice, args: list[str]) -> Job:
    parser = row_parser(choice.names)
    parser.add_argument("--print_config", action="store_true", help="print the row and exit")
    options = parse(parser, choice.config, args, choice.source)
    row, seeds = to_row(options), seeds_in(options.seeds)
    machine = Machine(**options.machine.as_dict())
    machine.check()
    if machine.population > len(seeds):
        raise UserError(
            f"machine.population is {machine.population}, of {len(seeds)} seeds: it must be at "
            "most their number"
        )
    measure = Measure(**options.measure.as_dict())
    check(Measure, dataclasses.asdict(measure), "measure.")
    if options.print_config:
        del options["print_config"]
        print(parser.dump(options))
        raise SystemExit(0)
    made_by = origin(choice.path, args, options)
    made_by["options"] = choice.said + made_by["options"]
    return Job(row, seeds, machine, measure, made_by)


def _baseline(job: Job) -> Job:
    """Backprop with its own optimizer settings on this job's network, data and budget."""
    row = job.row
    names = Names("bp", row.data["name"], row.network["name"])
    own = read_row(names, names.default_config, [])
    baseline = dataclasses.replace(
        row, algorithm=own.algorithm, optim=own.optim, variant="", published=own.published
    )
    made_by = job.origin | {"baseline": config_name(names.default_config)}
    return job._replace(row=baseline, origin=made_by)


def unrecorded(jobs: list[Job], results: Path, again: bool = False) -> list[Job]:
    """The jobs with those seeds that are not recorded yet, all where they run ``again``."""
    _check_writable(results)
    say = rank_zero_only(print)
    left = []
    for job in jobs:
        seeds = []
        for seed in job.seeds:
            known = records.find(results, job.row.hash, seed)
            if known is not None and not again:
                say(
                    f"already recorded: {job.row.title} seed {seed}, {made(known)}; "
                    "--again (AGAIN=1) repeats it"
                )
            else:
                seeds.append(seed)
        left.append(job._replace(seeds=seeds))
    return left


def run_rows(jobs: list[Job], results: Path, again: bool = False) -> bool:
    """Run all seeds one after another. Returns whether this process is the first (of several).

    What is left to do (see :func:`unrecorded`) is decided before any training, so that all
    processes of a distributed run do the same. Until they end, the first one holds it all: what
    another launch is at work on is waited for, and left out where it is recorded then.

    Raises:
        UserError: another launch is at work on it, and this one's other processes, which a
            cluster has started beside this one, cannot wait.
    """
    first = rank_zero_only.rank == 0  # type: ignore[attr-defined]
    with room_in(results), together(), ExitStack() as held:
        if first:
            keys = {run_key(j.row, seed): j.row.title for j in jobs for seed in j.seeds}
            for key in sorted(keys):  # in one order, so that no two launches wait for each other
                held.enter_context(_turn(results, key, keys[key]))
            jobs = unrecorded(jobs, results, again) if keys else jobs
        for job in jobs:
            for seed in job.seeds:
                if again:
                    shutil.rmtree(run_folder(results, job.row, seed), ignore_errors=True)
                run(job.row, seed, job.machine, results, again, job.measure, job.origin)
                say_failures([job._replace(seeds=[seed])], results)
    return first


@contextmanager
def _turn(results: Path, key: str, title: str) -> Iterator[None]:
    if not is_started_by_others():
        with claim_in_turn(results, key, title):
            yield
        return
    with claim(results, key) as ours:
        if not ours:
            raise UserError(f"another launch is at work on {title}: wait for its end")
        yield


def say_failures(jobs: list[Job], results: Path) -> None:
    """A line for each recorded run of these jobs that diverged or ended at chance."""
    for job in jobs:
        for seed in job.seeds:
            record = records.find(results, job.row.hash, seed)
            if record is not None and (how := failure(record)):
                rank_zero_only(print)(f"{job.row.title} seed {seed} {how}")


def _check_writable(results: Path) -> None:
    try:
        (results / "records").mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=results / "records"):
            pass
    except OSError as error:
        raise unwritable(f"to {results}", error) from error
