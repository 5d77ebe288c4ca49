"""Claims: of several launches, on one machine or on nodes with a common disk, one runs a job.

A claim is a lock on ``results/jobs/<key>.claim`` that the system lets go of when its owner dies,
however it dies. Nothing to time out, nothing to clean up: a job is claimed as long as its owner
lives. Locks hold across nodes on NFS, GPFS and Lustre (mounted with ``flock``, its default).
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmark.errors import unwritable

ASK_AGAIN = 2.0  # seconds between two looks at a job that another launch is at work on


def job_file(results: Path, key: str, suffix: str) -> Path:
    """A file that belongs to a job while it is at work."""
    return results / "jobs" / f"{key}.{suffix}"


@contextmanager
def claim(results: Path, key: str) -> Iterator[bool]:
    """Hold a job; the value tells whether it is ours, or another's at this moment.

    Raises:
        UserError: the folder cannot be written, or its disk knows no locks.
    """
    path = job_file(results, key, "claim")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _locked(path)
    except OSError as error:
        raise unwritable(f"and lock {path}", error) from error
    if file is None:
        yield False
        return
    try:
        with suppress(OSError):  # of a full disk
            os.write(file, f"{socket.gethostname()} {os.getpid()}\n".encode())  # for people
        yield True
    finally:
        path.unlink(missing_ok=True)  # while it is locked: nobody else can hold this file
        os.close(file)


@contextmanager
def claim_in_turn(results: Path, key: str, title: str) -> Iterator[None]:
    """Hold a job as soon as nobody else does; a line says that it is waited for."""
    waiting = False
    while True:
        with claim(results, key) as ours:
            if ours:
                yield
                return
        if not waiting:
            print(f"another launch is at work on {title}: waiting for it", file=sys.stderr)
        waiting = True
        time.sleep(ASK_AGAIN)


def _locked(path: Path) -> int | None:
    """The locked file, or None where another holds it."""
    while True:
        file = os.open(path, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
                return file
        except BlockingIOError:
            os.close(file)
            return None
        except FileNotFoundError:
            pass
        except OSError:
            os.close(file)
            raise
        os.close(file)  # its last owner removed it after we had opened it
