"""A worker: a process of one thread that runs job after job, as long as its launcher lives.

It and its launcher share a pipe. Jobs come through it, epochs and reports go back. SIGTERM stops
it: the run at work saves a checkpoint. Where the launcher is dead, it sends that signal to itself.
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

from benchmark.engine.memory import give_back, keep_freed_memory
from benchmark.engine.recorder import Recorder
from benchmark.suite.launch.job import Job, attempt
from benchmark.suite.run.claims import job_file

LOOK = 1.0  # seconds between two looks at the launcher
TERM_AGAIN = 2.0  # seconds; the first may get lost in a destructor, where exceptions are ignored


def work(pipe: Connection, results: Path, environment: dict[str, str], launcher: int) -> None:
    """The life of a worker.

    Args:
        pipe: to the launcher.
        results: the results folder.
        environment: names the worker's GPU.
        launcher: its process id.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: the launcher decides
    signal.signal(signal.SIGTERM, stop)
    os.environ.update(environment)
    keep_freed_memory()
    torch.set_num_threads(1)
    jobs: SimpleQueue[Job] = SimpleQueue()
    Thread(target=_listen, args=(pipe, jobs, launcher), daemon=True).start()

    def tell(message: Any) -> None:
        with suppress(OSError):  # the launcher is dead: the listener sees to it
            pipe.send(message)

    Recorder.listeners.append(lambda epoch, epochs: tell((epoch, epochs)))
    while True:
        job = jobs.get()
        log = job_file(results, job.key, "log")
        report = attempt(job, results, partial(_write_to, log))
        if report.seconds is not None:
            log.unlink(missing_ok=True)
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        give_back()
        tell(report)


def stop(*_: Any) -> None:
    """Outside of training, where a checkpoint takes the signal, there is nothing to save."""
    Thread(target=_insist, daemon=True).start()
    raise SystemExit(128 + signal.SIGTERM)


def _insist() -> None:
    time.sleep(TERM_AGAIN)
    os.kill(os.getpid(), signal.SIGTERM)


def _listen(pipe: Connection, jobs: SimpleQueue[Job], launcher: int) -> None:
    with suppress(EOFError, OSError):
        while os.getppid() == launcher:
            if pipe.poll(LOOK):
                jobs.put(pipe.recv())
    os.kill(os.getpid(), signal.SIGTERM)


def _write_to(log: Path) -> None:
    """What a job prints goes to its log, kept where the job fails."""
    file = log.open("w", buffering=1)
    for descriptor in (1, 2):
        os.dup2(file.fileno(), descriptor)
    sys.stdout = sys.stderr = file
