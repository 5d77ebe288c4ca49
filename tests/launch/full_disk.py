"""A disk that fills up at any moment: ``unshare -rm python -m tests.launch.full_disk``.

Results and cache lie on a file system in memory, each time a little larger: the first has no room
for a folder, the last for all. Whatever is full, the command ends in one line that names the
folder; with room again it goes on to the weights of an undisturbed run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmark.cli import main
from tests.conformance.pictures import draw_images
from tests.launch.jobs import checksums

FILES = range(1, 17)  # files and folders that there is room for
SIZES = range(4, 132, 8)  # KiB
MOMENTS = [(n, 100_000) for n in FILES] + [(1000, size) for size in SIZES]


def bench(disk: Path, log: Path, *more: str) -> int:
    """Exit code of a bench command in a process of its own."""
    args = ["bench", "--algorithm=dfa", "--epochs=3", "--seeds=1", "--network.hidden=[16]",
            "--baseline=false", "--dataset=folder", "--data.batch_size=4", "--data.val_size=8",
            f"--data.root={disk.parent / 'images'}", f"--data.cache={disk / 'cache'}",
            "--machine.checkpoint_seconds=0", f"--results={disk / 'results'}", *more]  # fmt: skip
    child = os.fork()
    if child == 0:
        file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        code = 70
        try:
            code = main(args)
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def mount(disk: Path, files: int, size: int, how: str = "") -> None:
    options = f"{how}nr_inodes={files},size={size}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=True)


def survive(workers: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        calm, disk, log = (Path(scratch, name) for name in ("calm", "disk", "log"))
        disk.mkdir()
        draw_images(Path(scratch, "images"))
        assert bench(calm, log) == 0, log.read_text()
        expected, full = checksums(calm / "results"), 0
        for files, size in MOMENTS:
            mount(disk, files, size)
            code = bench(disk, log, f"--workers={workers}")
            text = log.read_text()
            errors = [line for line in text.splitlines() if line.startswith("error: ")]
            if code:
                full += 1
                assert code == 2 and len(errors) == 1 and str(disk) in errors[0], text
                assert "Traceback" not in text and "Exception" not in text, text
            said = errors[0].replace(scratch, "") if code else "room enough"
            print(f"{files} files, {size} KiB: {said}", flush=True)
            mount(disk, 1000, 100_000, "remount,")
            left = [p for p in disk.rglob("*") if p.suffix in (".part", ".partial", ".claim")]
            assert not left, left
            assert bench(disk, log, f"--workers={workers}") == 0, log.read_text()
            assert checksums(disk / "results") == expected
            subprocess.run(["umount", disk], check=True)
        print(f"{full} moments of a full disk, each in one line; all went on to the same weights")


if __name__ == "__main__":
    survive(sys.argv[1] if len(sys.argv) > 1 else "1")
