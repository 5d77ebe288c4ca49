"""Workers on this machine: one on each core, or several on each GPU.

On Linux they are forks of the launcher, which has imported torch and Lightning, once for all, and
never touches a GPU or runs a thread of torch's: workers start, and are replaced, in no time.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from benchmark.errors import UserError
from benchmark.suite.launch.job import Job, Report, attempt
from benchmark.suite.launch.progress import Progress, line
from benchmark.suite.launch.queue import Queue
from benchmark.suite.launch.worker import work
from benchmark.suite.run.claims import ASK_AGAIN

POLL = 0.5  # seconds
PATIENCE = 60.0  # seconds that workers have to save a checkpoint


class Here:
    """This process, with all its threads, one job after another and a bar for each."""

    def run(self, queue: Queue) -> None:
        """Run the queue until it is empty."""
        waiting = ""
        while not queue.empty:
            if job := queue.take():
                queue.ended(job, attempt(job, queue.results))
            else:
                if waiting != (waiting := line(queue, 1)):
                    print(waiting, file=sys.stderr)
                time.sleep(ASK_AGAIN)


@dataclass(frozen=True)
class Local:
    """Workers of one thread each on this machine's cores; no GPU is used."""

    workers: int

    def run(self, queue: Queue) -> None:
        """Run the queue until it is empty."""
        run_here(queue, [{"CUDA_VISIBLE_DEVICES": ""}] * self.workers)


@dataclass(frozen=True)
class Gpus:
    """``per_gpu`` workers on each of the GPUs ``which``: ``all``, or numbers with commas."""

    which: str = "all"
    per_gpu: int = 1

    def run(self, queue: Queue) -> None:
        """Run the queue until it is empty."""
        if self.per_gpu < 1:
            raise UserError(f"per_gpu is {self.per_gpu}: it must be at least 1")
        run_here(queue, [{"CUDA_VISIBLE_DEVICES": i} for i in self.ids() * self.per_gpu])

    def ids(self) -> list[str]:
        """The GPUs' names for CUDA. Raises UserError for one that is not here."""
        count = torch.cuda.device_count()
        here = [i for i in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if i]
        here = here or [str(i) for i in range(count)]
        asked = here if self.which == "all" else self.which.split(",")
        if not here or not set(asked) <= set(here):
            raise UserError(f"gpus {self.which}: this machine has {', '.join(here) or 'none'}")
        return asked


class Worker:
    """The launcher's end of a worker process, started with its first job."""

    def __init__(self, results: Path, environment: dict[str, str]) -> None:
        self.results, self.environment = results, environment
        self.job: Job | None = None
        self.process: BaseProcess | None = None
        self.pipe: Connection

    def give(self, job: Job) -> None:
        """Let an idle worker run a job."""
        if self.process is None or not self.process.is_alive():
            self._start()
        self.job = job
        with suppress(OSError):  # it has just died: hear will know
            self.pipe.send(job)

    def _start(self) -> None:
        context: Any = get_context("fork" if sys.platform == "linux" else "spawn")
        self.pipe, end = context.Pipe()
        self.process = context.Process(
            target=work, args=(end, self.results, self.environment, os.getpid())
        )
        self.process.start()
        end.close()

    def hear(self, queue: Queue) -> None:
        """Take a message from the pipe to the queue; the pipe's end is the worker's death."""
        try:
            message = self.pipe.recv()
        except (EOFError, OSError):
            message = Report("failed", self._death())
        if self.job is None:
            return
        if isinstance(message, Report):
            queue.ended(self.job, message)
            self.job = None
        else:
            queue.heard(self.job, *message)

    def _death(self) -> str:
        assert self.process is not None
        self.process.join()
        code, self.process = self.process.exitcode or 0, None
        self.pipe.close()
        if code == -signal.SIGKILL:
            return "its worker was killed (SIGKILL; the system does so when memory runs out)"
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"its worker died ({name})"


def run_here(queue: Queue, environments: list[dict[str, str]]) -> None:
    """Run the queue until it is empty, with one worker in each environment."""
    workers = [Worker(queue.results, environment) for environment in environments]
    progress = Progress(queue)
    try:
        while not queue.empty:
            for worker in workers:
                if worker.job is None and (job := queue.take()):
                    worker.give(job)
            for pipe in wait([w.pipe for w in workers if w.process], timeout=POLL):
                next(w for w in workers if w.process and w.pipe is pipe).hear(queue)
            progress.show(len(workers))
        progress.close()
    finally:
        stop(workers)


def stop(workers: list[Worker]) -> None:
    """End all workers, those at work at a checkpoint; a second Ctrl-C ends them at once."""
    alive = [worker.process for worker in workers if worker.process]
    until = time.monotonic() + PATIENCE
    try:
        for process in alive:
            process.terminate()
        for process in alive:
            process.join(max(0.0, until - time.monotonic()))
    finally:
        for process in alive:
            if process.is_alive():
                print("a worker takes too long and is killed", file=sys.stderr)
                process.kill()
                process.join()
