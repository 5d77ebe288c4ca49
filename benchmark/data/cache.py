"""Decoded data kept on disk, so that slow decoding happens once."""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.decoded import Decoded, Part
from benchmark.errors import UserError


def cached(
    folder: Path,
    name: str,
    root: Path,
    files: Iterable[Path],
    options: object,
    decode: Callable[[], Decoded],
) -> Decoded:
    """The result of ``decode``, from ``folder`` if it is kept there, else made and kept.

    Args:
        folder: made if missing.
        name: of the data set; starts the file's name.
        root: where the files are.
        files: what is decoded. A file of another name below the root, of another size or another
            time of change makes another data set.
        options: anything else that the result depends on.
        decode: makes the result.

    Raises:
        UserError: if the folder cannot be written, or the kept file is damaged.
    """
    stats = []
    for file in files:
        info = file.stat()
        stats.append((file.relative_to(root).as_posix(), info.st_size, info.st_mtime_ns))
    key = hashlib.sha256(repr((stats, options)).encode()).hexdigest()[:12]
    path = folder / f"{name}-{key}.npz"
    if path.exists():
        return _read(path)
    _check_writable(folder)
    data = decode()
    _write(path, data)
    return data


def _check_writable(folder: Path) -> None:
    """Fail before the decoding rather than after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"the decoded data cannot be kept in {folder} ({error.strerror}): make room, "
        "or set the option cache to another folder"
    )


def _write(path: Path, data: Decoded) -> None:
    kept: dict[str, Any] = {"classes": data.classes, "sha256": data.sha256, **dict(data.arrays())}
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "wb") as file:
            np.savez(file, **kept)
        os.replace(part, path)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> Decoded:
    if not path.is_file():
        raise UserError(f"{path} is no file: delete it, and it will be made again")
    try:
        with np.load(path) as kept:
            train = Part(kept["train_images"], kept["train_labels"])
            test = Part(kept["test_images"], kept["test_labels"])
            data, sha256 = Decoded(train, test, int(kept["classes"])), str(kept["sha256"])
        sound = data.sha256 == sha256
    except Exception as error:  # whatever a damaged archive leads to
        raise UserError(f"{path} is damaged: delete it, and it will be made again") from error
    if not sound:
        raise UserError(f"{path} is not what was written: delete it, and it will be made again")
    return data
