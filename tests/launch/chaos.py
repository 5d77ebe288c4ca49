"""SIGKILL of workers, launchers and both at random moments: ``python -m tests.launch.chaos``.

Every round runs the same jobs into a new folder, killing until all are done; then every job has
come to its end once, has one record, and its weights are those of an undisturbed run.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.launch.jobs import alive, checksums, launcher, owners, runs, wait_for
from tests.launch.jobs import without_interruption as undisturbed

VICTIMS = ("worker", "launcher", "both")


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


def main(rounds: int) -> None:
    jobs = runs("bp", "dfa", "pepita", "drtp", seeds=2, epochs=12)
    with tempfile.TemporaryDirectory() as scratch:
        expected = undisturbed(jobs, Path(scratch, "undisturbed"))
        for i in range(rounds):
            results, victims = Path(scratch, str(i)), random.sample(VICTIMS, 3)
            results.mkdir()
            start = time.monotonic()
            killed = survive(jobs, results, victims, patience=1.5)
            check(jobs, results, expected)
            print(f"round {i}: {' '.join(victims)}: {killed} killed at work, all as undisturbed,"
                  f" {time.monotonic() - start:.0f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
