"""Where a command's jobs run: as its options say, else what suits the rows and the machine."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from benchmark.engine.memory import physical_memory
from benchmark.errors import UserError
from benchmark.suite.launch.cores import Gpus, Here, Local
from benchmark.suite.launch.cost import is_small
from benchmark.suite.launch.queue import Place
from benchmark.suite.launch.slurm import Slurm
from benchmark.suite.run.bench import Job as RowJob

MEMORY = 2 * 2**30  # bytes of the machine's memory for a worker


def add_options(parser: ArgumentParser) -> None:
    """The options that say where jobs run."""
    parser.add_argument(
        "--workers", type=int,
        help="processes of one thread on this machine; 1: this process, with all its threads",
    )  # fmt: skip
    parser.add_argument("--gpus", help="run on these GPUs: all, or numbers with commas")
    parser.add_argument("--per_gpu", type=int, default=1, help="workers on each GPU")
    parser.add_argument(
        "--slurm", metavar="PARTITION[,OPTION=VALUE...]",
        help="submit an array, a task for each job; options as sbatch knows them: time=4:00:00",
    )  # fmt: skip
    parser.add_argument("--wait", action="store_true", help="with --slurm: until all have ended")


def place_of(options: Namespace, rows: Sequence[RowJob], jobs: int) -> Place | None:
    """Where ``jobs`` jobs of these rows run; None where a row trains in several processes.

    One process with all threads does better than workers where there are fewer jobs than cores and
    the rows are large.

    Raises:
        UserError: several places are named, or one for rows that train in several processes.
    """
    chosen = [name for name in ("workers", "gpus", "slurm") if getattr(options, name) is not None]
    if len(chosen) > 1:
        raise UserError(f"--{chosen[0]} and --{chosen[1]} exclude each other")
    if any(row.machine.devices * row.machine.nodes > 1 for row in rows):
        if chosen:
            raise UserError(f"--{chosen[0]} is for rows of one process: leave machine.devices at 1")
        return None
    if options.slurm:
        return Slurm(options.slurm, options.wait)
    if options.gpus:
        return Gpus(options.gpus, options.per_gpu)
    if options.workers is None and any(row.machine.uses_gpu for row in rows):
        return Gpus("all", options.per_gpu)
    if options.workers is None:
        workers = min(jobs, _cores(), physical_memory() // MEMORY)
        if workers < _cores() and not all(is_small(row.row) for row in rows):
            workers = 1
    elif (workers := options.workers) < 1:
        raise UserError(f"workers is {workers}: it must be at least 1")
    return Local(workers) if workers > 1 else Here()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
