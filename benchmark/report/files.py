"""Whole files or none: what a reader finds under a name is never half-written."""

from __future__ import annotations

import os
from pathlib import Path

from benchmark.errors import UserError


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
        reason = error.strerror or error
        raise UserError(f"cannot write {path}: {reason}; nothing was written") from error
