"""The rows that a bench command asks for, and running them with all their seeds."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch.utilities import rank_zero_only

from benchmark.algorithms import ALGORITHMS
from benchmark.errors import UserError
from benchmark.measure import Measure
from benchmark.report import records
from benchmark.run.parse import (
    CONFIGS,
    Names,
    names_in,
    parse,
    read_config,
    read_named,
    read_row,
    row_parser,
    seeds_of,
    to_row,
)
from benchmark.run.row import PLACES, Row
from benchmark.run.runner import Machine, run, run_folder

DEFAULT = Names("dfa", "mnist5k", "mlp")


class Job(NamedTuple):
    row: Row
    seeds: list[int]
    machine: Machine
    measure: Measure
    origin: dict[str, Any]


def rows_to_run(front: Namespace, args: list[str]) -> list[Job]:
    """One job per asked row, backprop on the same network, data and budget first.

    Args:
        front: algorithm (names with commas, or ``all``), dataset, network, config, baseline.
        args: the remaining command line, typed options of the rows.
    """
    if front.config:
        return [_job(names_in(path), path, args) for path in front.config]
    asked = (front.algorithm or DEFAULT.algorithm).split(",")
    jobs = []
    for algorithm in list(ALGORITHMS) if asked == ["all"] else asked:
        own = _own_network(algorithm)
        if asked == ["all"] and front.network and own not in (None, front.network):
            rank_zero_only(print)(f"{algorithm} needs a network of its own ({own}): left out")
            continue
        network = front.network or own or DEFAULT.network
        names = Names(algorithm, front.dataset or DEFAULT.dataset, network)
        names.check()
        jobs.append(_job(names, names.default_config, args))
    if front.baseline == "true":
        jobs = [_baseline(job) for job in jobs if job.row.algorithm["name"] != "bp"] + jobs
    unique = {job.row.hash: job for job in jobs}
    return sorted(unique.values(), key=lambda job: job.row.algorithm["name"] != "bp")


def _own_network(algorithm: str) -> str | None:
    """The network that an algorithm's default settings name, if they do."""
    _ = ALGORITHMS[algorithm]  # an unknown name is an error here
    path = Names(algorithm, "", "").default_config
    return read_config(path).get("network", {}).get("name")


def _job(names: Names, path: Path, args: list[str]) -> Job:
    config = read_named(names, path)
    parser = row_parser(names)
    parser.add_argument("--print_config", action="store_true", help="print the row and exit")
    options = parse(parser, config, args, str(path))
    if options.print_config:
        del options["print_config"]
        print(parser.dump(options))
        raise SystemExit(0)
    machine = Machine(**options.machine.as_dict())
    machine.check()
    measure = Measure(**options.measure.as_dict())
    measure.check()
    return Job(to_row(options), seeds_of(options), machine, measure, _origin(path, args))


def _origin(path: Path, args: list[str]) -> dict[str, Any]:
    """What made a row: its config file, and the options beside it that are no place or machine."""
    resolved, root = path.resolve(), CONFIGS.parent
    config = resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else path.name
    said = " ".join(args).replace(" --", "\0--").split("\0") if args else []
    outside = (*(f"--data.{place}" for place in PLACES), "--machine.", "--seeds")
    return {"config": config, "options": [o for o in said if not o.startswith(outside)]}


def _baseline(job: Job) -> Job:
    """Backprop with its own optimizer settings on this job's network, data and budget."""
    row = job.row
    names = Names("bp", row.data["name"], row.network["name"])
    own = read_row(names, names.default_config, [])
    baseline = dataclasses.replace(
        row, algorithm=own.algorithm, optim=own.optim, variant="", published=own.published
    )
    return job._replace(row=baseline)


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
                say(f"already recorded: {job.row.title} seed {seed}; --again (AGAIN=1) repeats it")
            else:
                seeds.append(seed)
        left.append(job._replace(seeds=seeds))
    return left


def run_rows(jobs: list[Job], results: Path, again: bool = False) -> bool:
    """Run all seeds one after another. Returns whether this process is the first (of several).

    What is left to do (see :func:`unrecorded`) was decided before any training, so that all
    processes of a distributed run do the same.
    """
    for job in jobs:
        for seed in job.seeds:
            if again:
                shutil.rmtree(run_folder(results, job.row, seed), ignore_errors=True)
            run(job.row, seed, job.machine, results, again, job.measure, job.origin)
    return rank_zero_only.rank == 0  # type: ignore[attr-defined]


def _check_writable(results: Path) -> None:
    try:
        (results / "records").mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=results / "records"):
            pass
    except OSError as error:
        raise UserError(f"cannot write to {results}: {error.strerror}") from error
