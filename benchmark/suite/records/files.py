"""Whole files or none: what a reader finds under a name is never half-written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from benchmark.errors import UserError, unwritable
from benchmark.suite.records.reading import read_text


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write ``content`` to ``path`` (text as UTF-8); its folder is made where it is missing.

    The content goes to a temporary file beside ``path`` first and takes its name in one step.

    Raises:
        UserError: when the disk is full or the folder cannot be written; nothing is left behind.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error, "; nothing was written") from error


def write_folder(path: Path, files: Iterable[tuple[str, str]], mark: str) -> int:
    """Write a generated folder anew: all of its files, or none; what it held before is gone.

    Args:
        path: the folder.
        files: names below it, and their text.
        mark: the file that tells a generated folder from another, which is left alone.

    Returns:
        The number of files.

    Raises:
        UserError: the folder holds something else, or the disk is full or cannot be written;
            nothing is left behind, and the folder is as it was.
    """
    if path.exists() and not (path / mark).is_file():
        raise UserError(f"{path} is no folder of generated pages: move it away")
    part, old = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    n = 0
    try:
        try:
            for name, content in files:
                n += 1
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                (part / name).write_bytes(content.encode())
            if path.exists():
                path.rename(old)
            part.rename(path)
        finally:
            if old.exists() and not path.exists():
                old.rename(path)
            for rest in (part, old):
                shutil.rmtree(rest, ignore_errors=True)
    except OSError as error:
        raise unwritable(path, error, "; nothing was written") from error
    return n


def replace_between(path: Path, name: str, content: str) -> None:
    """Replace what stands between the lines ``<!-- name:start -->`` and ``<!-- name:end -->``.

    Raises:
        UserError: the file or the marks are missing, or it cannot be written.
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    text = read_text(path, "page")
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise UserError(f"{path} needs the lines {start} and {end} around what is generated")
    write_atomically(path, f"{before}{start}\n{content}\n{end}{after}")
