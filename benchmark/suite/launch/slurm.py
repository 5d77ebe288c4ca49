"""A Slurm job array: one task, one job. Arrays are made and read by submitit.

A task that is killed or runs out of time goes on from its checkpoint when it is queued again: on
the end of its time it saves and queues itself again; preempted, or on a node that fails, Slurm does
so. ``scancel`` saves too, for the next launch.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmark.errors import UserError
from benchmark.suite.launch.job import Job, Report, attempt
from benchmark.suite.launch.progress import Progress
from benchmark.suite.launch.queue import Queue
from benchmark.suite.launch.worker import stop
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.places import CHECKOUT
from benchmark.suite.records.reading import read_json, typed

POLL = 2.0  # seconds


@dataclass(frozen=True)
class Slurm:
    """A job array.

    Args:
        where: a partition, then, after commas, options of sbatch such as ``time=4:00:00`` or
            ``gres=gpu:1``.
        wait: until all tasks have ended; else they are left to the cluster.
    """

    where: str
    wait: bool = False

    def run(self, queue: Queue) -> None:
        """Submit what is not queued or running already."""
        folder = queue.results.resolve() / "jobs" / "slurm"
        tasks = {task: key for task, key in _tasks(folder).items() if key in queue.pending}
        jobs = [job for job in queue.in_order() if job.key not in tasks.values()]
        if tasks:
            print(f"{len(tasks)} with Slurm already", file=sys.stderr)
        if jobs:
            tasks |= self._submit(jobs, queue.results.resolve(), folder)
        if self.wait:
            self._wait(queue, tasks, folder)

    def _submit(self, jobs: list[Job], results: Path, folder: Path) -> dict[str, str]:
        submitit = _submitit()
        partition, *options = self.where.split(",")
        try:
            executor = submitit.SlurmExecutor(folder)
            executor.update_parameters(
                job_name="benchmark",
                partition=partition,
                time=None,  # the partition's own, unless it is among the options
                cpus_per_task=1,
                setup=[f'export PYTHONPATH="{_path()}:$PYTHONPATH" OMP_NUM_THREADS=1'],
                additional_parameters=dict(option.partition("=")[::2] for option in options),
            )
            with executor.batch():
                submitted = [executor.submit(task, job, results) for job in jobs]
        except (RuntimeError, submitit.core.utils.FailedJobError) as error:
            raise UserError(f"cannot submit to Slurm: {_last_line(str(error))}") from error
        tasks = {sub.job_id: job.key for sub, job in zip(submitted, jobs, strict=True)}
        array = submitted[0].job_id.partition("_")[0]
        write_atomically(folder / f"{array}.json", json.dumps(tasks))
        print(f"Slurm array {array}: {len(jobs)} tasks; their logs are in {folder}")
        return tasks

    def _wait(self, queue: Queue, tasks: dict[str, str], folder: Path) -> None:
        """Follow the tasks until all have ended."""
        jobs, left, progress = dict(queue.pending), dict(tasks), Progress(queue)
        try:
            while left:
                states = _states()
                for task, key in list(left.items()):
                    ended = task not in states or jobs[key].done(queue.results)
                    if key in queue.pending and (ended or states[task] == "RUNNING"):
                        queue.start(key)
                    if ended:
                        del left[task]
                        queue.ended(jobs[key], _report(folder, task, jobs[key], queue.results))
                progress.show(workers=max(1, len(queue.running)))
                time.sleep(POLL if left else 0)
        except (KeyboardInterrupt, SystemExit):
            arrays = " ".join(sorted({task.partition("_")[0] for task in left}))
            print(f"\nthe tasks go on; scancel {arrays} stops them", file=sys.stderr)
            raise
        progress.close()


def task(job: Job, results: Path) -> str:
    """What an array task does."""
    out_of_time = []

    def requeue(*_: Any) -> None:
        out_of_time.append(True)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)  # in place of submitit's handlers
    signal.signal(signal.SIGUSR2, requeue)
    torch.set_num_threads(1)
    try:
        report = attempt(job, results)
    except SystemExit:
        if out_of_time:
            own = _submitit().JobEnvironment().job_id
            subprocess.run(["scontrol", "requeue", own], check=True)
        raise
    if report.status == "failed":
        raise UserError(report.reason)
    return report.status


def _path() -> str:
    """Where tasks find the code that is not installed: the checkout, and the current folder."""
    return ":".join(map(str, [*filter(None, [CHECKOUT]), Path.cwd()]))


def _submitit() -> Any:
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise UserError("Slurm needs submitit: pip install submitit") from error
    return submitit


def _tasks(folder: Path) -> dict[str, str]:
    """Task -> job key, of all tasks that wait or run."""
    known: dict[str, str] = {}
    for path in folder.glob("*.json"):
        try:
            known |= typed(read_json(path, "Slurm's tasks"), dict[str, str])
        except UserError as error:
            raise UserError(
                f"{path} does not tell which jobs an array has ({error}): delete it, "
                f"and scancel the array {path.stem} if it is still at work"
            ) from error
    return {task: known[task] for task in _states() if task in known} if known else {}


def _states() -> dict[str, str]:
    """Task -> state, of all tasks that wait or run."""
    command = ["squeue", "--me", "--array", "--noheader", "--format", "%F %K %T"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise UserError(f"cannot ask Slurm: {error}") from error
    lines = [line.split() for line in done.stdout.splitlines()]
    return {i if k == "N/A" else f"{i}_{k}": state for i, k, state in lines}


def _report(folder: Path, task: str, job: Job, results: Path) -> Report:
    """How a task ended; without a result it was cancelled, or killed."""
    if job.done(results):
        return Report("done")
    utils = _submitit().core.utils
    paths = utils.JobPaths(folder, task, 0)
    if not paths.result_pickle.exists():
        return Report("failed", f"task {task} was cancelled or killed, see {paths.stderr}")
    outcome, result = utils.pickle_load(paths.result_pickle)
    if outcome == "error":
        return Report("failed", _last_line(result).partition(": ")[2])
    return Report(result)


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1]
