"""Whole files or none: what a reader finds under a name is never half-written."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmark.errors import UserError, unwritable


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


def replace_between(path: Path, name: str, content: str) -> None:
    """Replace what stands between the lines ``<!-- name:start -->`` and ``<!-- name:end -->``.

    Raises:
        UserError: the file or the marks are missing, or it cannot be written.
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise UserError(f"{path} needs the lines {start} and {end} around what is generated")
    write_atomically(path, f"{before}{start}\n{content}\n{end}{after}")


def read_json(path: Path, kind: str, faults: Callable[[Any], Iterator[str]], mend: str) -> Any:
    """A JSON file, checked.

    Args:
        path: the file.
        kind: what it holds, for messages.
        faults: what is wrong with its content, most telling first.
        mend: what to do after it is removed.

    Raises:
        UserError: the file cannot be read, or has a fault; the file and the fault are named.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the {kind} {path}: {error}") from error
    if fault := next(faults(content), None):
        raise UserError(f"broken {kind} {path}: {fault}; restore the file or remove it and {mend}")
    return content
