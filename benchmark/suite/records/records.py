"""Records: one write-once JSON file per (row, seed), ``results/records/*.json``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.suite.records import schema
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.reading import read_json, typed

Record = dict[str, Any]


def load(results: Path, *, earlier: bool = False) -> list[Record]:
    """All records of a results folder, in the order of their file names; none is an empty list.

    Args:
        results: the folder.
        earlier: take those of an earlier version too, whose rows have no identity.

    Raises:
        UserError: a record is broken (the file is named), or two files hold the same run.
    """
    return list(located(results, earlier=earlier).values())


def located(results: Path, *, earlier: bool = False) -> dict[Path, Record]:
    """As :func:`load`, each under its file."""
    records: dict[Path, Record] = {}
    files: dict[tuple[str, int], Path] = {}
    for path in sorted((results / "records").glob("*.json")):
        record = read(path, earlier=earlier)
        run = (record["row_hash"], record["seed"])
        if run in files:
            raise UserError(f"{path} and {files[run]} hold the same run: remove one of them")
        files[run] = path
        records[path] = record
    return records


def read(path: Path, *, earlier: bool = False) -> Record:
    """One record, validated; see :func:`load`.

    Raises:
        UserError: the file cannot be read, or is no valid record; the file and the fault are named.
    """
    content = read_json(path, "record")
    try:
        record = _checked(content)
    except UserError as error:
        raise UserError(
            f"broken record {path}: {error}; restore the file or remove it and rerun"
        ) from error
    if "identity" not in record and not earlier:
        raise UserError(
            f"{path} is of an earlier version, its row without identity: "
            "`python -m benchmark migrate` gives it one"
        )
    return record


def by_row(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Row hash -> the records of its seeds, all made on the same data.

    Raises:
        UserError: records of one row were made on different data.
    """
    rows: dict[str, list[Record]] = {}
    for record in records:
        rows.setdefault(record["row_hash"], []).append(record)
    for first, *others in rows.values():
        for record in others:
            if data_of(record) != data_of(first):
                raise UserError(
                    f"records of row {first['row_hash']} were made on different data "
                    f"(seeds {first['seed']} and {record['seed']}: {data_of(first)}, "
                    f"{data_of(record)}); remove those of the wrong data and rerun"
                )
    return rows


def data_of(record: Record) -> dict[str, Any]:
    """Name, checksum and sizes of the data: equal for two records of the same images."""
    names = ("name", "sha256", "train", "val", "test")
    return {name: record["dataset"].get(name) for name in names}


def newest(group: Iterable[Record]) -> Record:
    """The latest record of a row: its labels (variant, published cell) hold for all seeds."""
    return max(group, key=lambda record: (record["finished"], record["seed"]))


def find(results: Path, row_hash: str, seed: int) -> Record | None:
    """The record of a run, or None where it has not been done yet.

    Raises:
        UserError: it is broken, or that of another run under this one's name.
    """
    path = path_of(results, row_hash, seed)
    if path is None:
        return None
    record = read(path)
    if (record["row_hash"], record["seed"]) != (row_hash, seed):
        raise UserError(
            f"{path} holds row {record['row_hash']} seed {record['seed']}: name it so, or remove it"
        )
    return record


def path_of(results: Path, row_hash: str, seed: int) -> Path | None:
    """A run's file; what precedes the hash in its name is for people, and may have changed."""
    return next((results / "records").glob(f"*-{row_hash}-s{seed}.json"), None)


def save(results: Path, record: Mapping[str, Any], *, overwrite: bool = False) -> Path:
    """Write one record under its own name; a number that is not finite is stored as null.

    Raises:
        UserError: the run has a record already and ``overwrite`` is not set, or the file cannot be
            written (nothing is left half-written).
        ValueError: the record does not follow the schema.
    """
    record = _finite(record)
    try:
        _checked(record)
    except UserError as error:
        raise ValueError(f"not a record: {error}") from error
    path = results / "records" / file_name(record)
    old = path_of(results, record["row_hash"], record["seed"])
    if old and not overwrite:
        raise UserError(f"{old} exists: records are written once; --again (AGAIN=1) repeats a run")
    write_atomically(path, json.dumps(record, indent=1, allow_nan=False) + "\n")
    if old and old != path:
        old.unlink()
    return path


def remove(results: Path, record: Mapping[str, Any]) -> None:
    """Delete a record's file."""
    if path := path_of(results, record["row_hash"], record["seed"]):
        path.unlink()


def file_name(record: Mapping[str, Any]) -> str:
    """``<dataset>-<network>-<algorithm>[-<variant>]-<row_hash>-s<seed>.json``."""
    row = record["row"]
    names = [record["dataset"]["name"], row["network"]["name"], row["algorithm"]["name"]]
    stem = "-".join(slug(name) for name in [*names, row.get("variant") or ""] if name)
    return f"{stem}-{record['row_hash']}-s{record['seed']}.json"


def slug(text: str) -> str:
    """``text`` in lower case, fit for a file name."""
    return re.sub(r"[^a-z0-9_.]+", "-", text.lower()).strip("-.")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _checked(content: Any) -> Record:
    """A record's content. Raises UserError with what is wrong with it."""
    record = typed(content, schema.Record)
    if fault := next(schema.nonsense(record), None):
        raise UserError(fault)
    return content  # type: ignore[no-any-return]
