"""One line for the whole queue: done, running, failed, time left."""

from __future__ import annotations

import shutil
import sys
import time

from tqdm import tqdm

from benchmark.suite.launch.queue import Queue

EVERY = 30.0  # seconds between two lines where nothing can be redrawn
SHOWN = 4  # running jobs that are named


class Progress:
    """The line on stderr: redrawn on a terminal, printed now and then elsewhere.

    Args:
        queue: what it tells of.
    """

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self._bar = tqdm(bar_format="{desc}", leave=False, disable=not sys.stderr.isatty())
        self._printed = time.monotonic()

    def show(self, workers: int) -> None:
        """Redraw the line, or print it if it is time.

        Args:
            workers: jobs that run at once.
        """
        if not self._bar.disable:
            width = shutil.get_terminal_size().columns - 1
            self._bar.set_description_str(line(self.queue, workers)[:width])
        elif time.monotonic() >= self._printed + EVERY:
            self._printed = time.monotonic()
            print(line(self.queue, workers), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the line as it is at the end."""
        self._bar.close()
        print(line(self.queue, 1), file=sys.stderr)


def line(queue: Queue, workers: int) -> str:
    """``12 of 40 done, 1 failed, 2 elsewhere, about 3 min left; running: ... 3/20, ... 1/20``"""
    outcome = queue.outcome
    heaps = (queue.pending, queue.running, queue.elsewhere)
    done = outcome.skipped + outcome.done
    total = done + len(outcome.failed) + sum(len(heap) for heap in heaps)
    parts = [f"{done} of {total} done"]
    if outcome.failed:
        parts.append(f"{len(outcome.failed)} failed")
    if queue.elsewhere:
        parts.append(f"{len(queue.elsewhere)} running elsewhere")
    if not (queue.pending or queue.running):
        return ", ".join(parts) + "; waiting for them" * bool(queue.elsewhere)
    parts.append(f"{_time(queue.seconds_left(workers))} left")
    running = [
        run.job.title + (f" {run.epoch}/{run.epochs}" if run.epochs else "")
        for run in queue.running.values()
    ]
    more = f" and {len(running) - SHOWN} more" if len(running) > SHOWN else ""
    return ", ".join(parts) + ("; running: " + ", ".join(running[:SHOWN]) + more if running else "")


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {minutes / 60:.1f} h"
