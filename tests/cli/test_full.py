"""No room left, on the disk or in memory: one line, nothing half-written, and the run goes on.

``unshare -rm python -m tests.launch.full_disk`` does it on real file systems that are full.
"""

import errno
import os
import sys
from contextlib import contextmanager

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.cli import main
from benchmark.errors import UserError
from benchmark.suite.launch import builds
from tests.conformance.rows import row_of
from tests.launch.jobs import checksums

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_full: list = []  # below which folder, after how many files opened, folders made and names changed


def _refuse(event, args):
    """An audit hook, which can never be removed: a system whose disk is full."""
    if not _full or event not in ("open", "os.mkdir", "os.rename"):
        return
    (folder, left), path = _full, args[0]
    if event == "open" and not args[2] & WRITES:
        return
    if isinstance(path, str | os.PathLike) and str(path).startswith(folder):
        _full[1] -= 1
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


sys.addaudithook(_refuse)


@contextmanager
def full_after(folder, operations):
    _full[:] = [str(folder), operations]
    try:
        yield
    finally:
        _full.clear()


def bench(results, *more):
    tiny = ["--epochs=2", "--seeds=1", "--network.hidden=[4]", "--baseline=false", "--workers=1"]
    often = ["--algorithm=dfa", "--machine.checkpoint_seconds=0"]
    return main(["bench", *tiny, *often, f"--results={results}", *more])


def one_error(capsys):
    text = capsys.readouterr().err
    assert "Traceback" not in text and "Exception" not in text
    (line,) = [line for line in text.splitlines() if "error: " in line]
    return line


def test_a_disk_that_is_full_at_any_moment(tmp_path, capsys):
    """Each time two operations later, in the same folder: what a failure leaves is gone on from."""
    assert bench(tmp_path / "calm") == 0
    results, moments = tmp_path / "results", 0
    capsys.readouterr()
    while True:
        with full_after(results, 2 * moments):
            code = bench(results)
        if code == 0:
            break
        moments += 1
        assert code == 2 and str(results) in one_error(capsys)
        assert not [p for p in results.rglob("*") if p.suffix in (".part", ".partial", ".claim")]
    assert moments >= 6
    assert checksums(results) == checksums(tmp_path / "calm")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
    ],
)
def test_no_memory_in_training(error, tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(ALGORITHMS["dfa"], "training_step", fail)
    assert bench(tmp_path) == 2
    assert "not enough memory" in one_error(capsys)


@pytest.mark.parametrize("width", ["100000000", "1" + 15 * "0"])
def test_a_network_that_no_memory_holds(width, tmp_path, capsys):
    assert bench(tmp_path, f"--network.hidden=[{width}]") == 2
    assert "take a smaller one" in one_error(capsys)


def test_feedback_counts_as_memory_too(monkeypatch):
    """Twice the weights fit exactly: bp is let through, and dfa with its B is not."""
    bp, dfa = row_of("bp"), row_of("dfa")
    weights = 784 * 24 + 24 + 24 * 16 + 16 + 16 * 10 + 10
    monkeypatch.setattr(builds, "physical_memory", lambda: 2 * 4 * weights)
    builds.check_builds([bp])
    with pytest.raises(UserError, match="feedback of dfa"):
        builds.check_builds([dfa])
