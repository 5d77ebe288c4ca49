"""A worker: a process of one thread that runs job after job, as long as its launcher lives.

It and its launcher share a pipe. Jobs come through it, epochs and reports go back. Its end, be it
that the launcher stops the worker or that the launcher is dead, is a SIGTERM: the run saves a
checkpoint and stops.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch

from benchmark.run.memory import give_back, keep_freed_memory
from benchmark.run.recorder import Recorder
from benchmark.suite.launch.claims import job_file
from benchmark.suite.launch.job import Job, attempt

TERM_AGAIN = 10.0  # seconds; a signal may get lost in a destructor, where exceptions are ignored


def work(pipe: Connection, results: Path, environment: dict[str, str]) -> None:
    """The life of a worker. ``environment`` names its GPU."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: the launcher decides
    signal.signal(signal.SIGTERM, stop)
    os.environ.update(environment)
    keep_freed_memory()
    torch.set_num_threads(1)
    jobs: SimpleQueue[Job] = SimpleQueue()
    Thread(target=_listen, args=(pipe, jobs), daemon=True).start()

    def tell(message: Any) -> None:
        with suppress(OSError):  # the launcher is dead: the listener knows
            pipe.send(message)

    Recorder.listeners.append(lambda epoch, epochs: tell((epoch, epochs)))
    while True:
        job = jobs.get()
        log = job_file(results, job.key, "log")
        report = attempt(job, results, partial(_write_to, log))
        if report.seconds is not None:
            log.unlink(missing_ok=True)
        tell(report)
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        give_back()


def stop(*_: Any) -> None:
    """Outside of training, where a checkpoint takes the signal, there is nothing to save."""
    raise SystemExit(128 + signal.SIGTERM)


def _listen(pipe: Connection, jobs: SimpleQueue[Job]) -> None:
    with suppress(EOFError, OSError):
        while True:
            jobs.put(pipe.recv())
    while True:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(TERM_AGAIN)


def _write_to(log: Path) -> None:
    """What a job prints goes to its log, kept where the job fails."""
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
