"""SIGKILL at random moments: ``python -m tests.launch.chaos [KILLS]``.

In the queue workers, launchers or both die; out of it, processes that train a row by themselves.
Every round runs its jobs into a new folder, killing until all are done; then every job has come to
its end once, has one record, and its weights are those of an undisturbed run.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from contextlib import suppress
from itertools import count
from multiprocessing import get_context
from pathlib import Path

from tests.launch.jobs import alive, checksums, launcher, owners, runs, wait_for
from tests.launch.jobs import without_interruption as undisturbed

VICTIMS = ("worker", "launcher", "both")
EPOCHS = 6


def kill(pids) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def survive(jobs, results: Path, victims: list[str], patience: float) -> int:
    """Run the jobs; each victim dies at a random moment, and a new launch goes on at once.

    Returns:
        How many of them were killed at work.
    """
    killed = 0
    for victim in victims:
        process = launcher(jobs, results)
        wait_for(lambda p=process: owners(results) or not p.is_alive())
        time.sleep(random.uniform(0, patience))
        workers = owners(results)
        killed += bool(workers)
        if victim != "worker":
            kill([process.pid])
        if victim != "launcher":
            kill(random.sample(sorted(workers), min(1, len(workers))))
        if victim == "worker":
            process.join()
            assert process.exitcode in (0, 2)  # the dead worker's job is named, all others run
    process = launcher(jobs, results)
    process.join()
    assert process.exitcode == 0
    wait_for(lambda: not any(alive(pid) for pid in owners(results)))
    return killed


def check(jobs, results: Path, expected: dict[str, str]) -> None:
    """Every job ran to its end once, and to the same weights."""
    assert checksums(results) == expected
    ran = (results / "ran").read_text().split()
    assert set(ran) <= set(expected) and len(set(ran)) == len(ran)
    assert not list(results.rglob("*.part")) and not list((results / "jobs").glob("*.claim"))


def survive_alone(job, results: Path, patience: float) -> int:
    """Run one job in processes outside of any queue, one after the other, all but the last killed
    at a random moment.

    Returns:
        How many of them were killed at work.
    """
    killed = 0
    for _ in range(4):
        process = get_context("fork").Process(target=job.run, args=(results,))
        process.start()
        process.join(random.uniform(0, patience))
        kill([process.pid])
        process.join()
        if process.exitcode == 0:
            return killed
        assert process.exitcode == -signal.SIGKILL
        killed += 1
    process = get_context("fork").Process(target=job.run, args=(results,))
    process.start()
    process.join()
    assert process.exitcode == 0
    return killed


def main(kills: int) -> None:
    rules = ("bp", "dfa", "pepita", "dtp", "ff", "ep", "wm", "usf", "kp", "drtp")
    jobs = runs(*rules, epochs=EPOCHS)
    with tempfile.TemporaryDirectory() as scratch:
        start = time.monotonic()
        expected = undisturbed(jobs, Path(scratch, "undisturbed"))
        patience = 2 * (time.monotonic() - start) / len(jobs)
        counts = {"in the queue": 0, "out of it": 0}
        for i in count():
            alone = jobs[i % len(jobs)]
            some = random.sample(jobs, 4)
            for where, chosen in (("in the queue", some), ("out of it", [alone])):
                results = Path(scratch, f"{i}-{len(chosen)}")
                results.mkdir()
                if chosen is some:
                    killed = survive(some, results, random.sample(VICTIMS, 3), patience)
                else:
                    killed = survive_alone(alone, results, patience)
                check(chosen, results, {job.key: expected[job.key] for job in chosen})
                counts[where] += killed
                names = ", ".join(job.row.algorithm["name"] for job in chosen)
                print(f"{where}: {killed} killed at work on {names}: as undisturbed", flush=True)
            if sum(counts.values()) >= kills:
                break
        print(f"{counts}: all weights as undisturbed, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
