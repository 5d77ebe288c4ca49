"""Records: one write-once JSON file per (row, seed), ``results/records/*.json``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.suite.records.files import read_json, write_atomically

Record = dict[str, Any]
SCHEMA = 1
NUMBER = (int, float)
TEXT = (str,)

REQUIRED: dict[str, tuple[type, ...]] = {
    "schema": (int,),
    "row": (dict,),
    "row.algorithm.name": TEXT,
    "row.network.name": TEXT,
    "row.data.name": TEXT,
    "row.epochs": (int,),
    "row_hash": TEXT,
    "seed": (int,),
    "status": TEXT,
    "dataset.name": TEXT,
    "dataset.train": (int,),
    "dataset.val": (int,),
    "dataset.test": (int,),
    "metrics": (dict,),
    "curve": (list,),
    "cost": (dict,),
    "environment.device": TEXT,
    "finished": TEXT,
}


def load(results: Path) -> list[Record]:
    """All records of a results folder, in the order of their file names; none is an empty list.

    Raises:
        UserError: a record is broken (the file is named), or two files hold the same run.
    """
    records: list[Record] = []
    files: dict[tuple[str, int], Path] = {}
    for path in sorted((results / "records").glob("*.json")):
        record = read(path)
        run = (record["row_hash"], record["seed"])
        if run in files:
            raise UserError(f"{path} and {files[run]} hold the same run: remove one of them")
        files[run] = path
        records.append(record)
    return records


def read(path: Path) -> Record:
    """One record, validated.

    Raises:
        UserError: the file cannot be read, or is no valid record; the file and the fault are named.
    """
    record: Record = read_json(path, "record", _faults, "rerun")
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
    """The record of a run, or None where it has not been done yet."""
    path = _path(results, row_hash, seed)
    return read(path) if path else None


def _path(results: Path, row_hash: str, seed: int) -> Path | None:
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
    fault = next(_faults(record), None)
    if fault:
        raise ValueError(f"not a record: {fault}")
    path = results / "records" / file_name(record)
    old = _path(results, record["row_hash"], record["seed"])
    if old and not overwrite:
        raise UserError(f"{old} exists: records are written once; --again (AGAIN=1) repeats a run")
    write_atomically(path, json.dumps(record, indent=1, allow_nan=False) + "\n")
    if old and old != path:
        old.unlink()
    return path


def remove(results: Path, record: Mapping[str, Any]) -> None:
    """Delete a record's file."""
    if path := _path(results, record["row_hash"], record["seed"]):
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


def _is(value: Any, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


def _faults(record: Any) -> Iterator[str]:
    """What is wrong with a record, most telling first."""
    if not isinstance(record, dict):
        yield "it is not a JSON object"
        return
    if record.get("schema") != SCHEMA:
        yield f"schema is {record.get('schema')!r}, this version reads {SCHEMA}"
    for field, types in REQUIRED.items():
        value: Any = record
        for key in field.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            yield f"{field} is missing"
        elif not _is(value, types):
            yield f"{field} is {value!r}, not of type {types[0].__name__}"
    yield from _value_faults(record)


def _value_faults(record: Record) -> Iterator[str]:
    row = record["row"]
    for field in ("variant", "published"):
        if not isinstance(row.get(field, ""), str | None):
            yield f"row.{field} is {row[field]!r}, not a string"
    if not re.fullmatch(r"[0-9a-f]{12}", record["row_hash"]):
        yield f"row_hash is {record['row_hash']!r}, not 12 hexadecimal digits"
    if record["status"] not in ("ok", "diverged"):
        yield f"status is {record['status']!r}, neither ok nor diverged"
    tables = {"metrics": record["metrics"], "cost": record["cost"]}
    tables |= {f"curve[{i}]": point for i, point in enumerate(record["curve"])}
    for name, table in tables.items():
        if not isinstance(table, dict):
            yield f"{name} is not an object"
            return
        for key, value in table.items():
            if value is None:
                continue
            if not _is(value, NUMBER) or not math.isfinite(value):
                yield f"{name}.{key} is {value!r}, not a finite number or null"
            elif "_acc" in key and not 0 <= value <= 100:
                yield f"{name}.{key} is {value!r}, not a percentage"
        if name.startswith("curve") and not _is(table.get("epoch"), (int,)):
            yield f"{name}.epoch is not an integer"
    alignment = record.get("alignment") or {}
    if not isinstance(alignment, dict):
        yield "alignment is not an object"
        return
    for layer, angles in alignment.items():
        if not isinstance(angles, list) or not all(
            isinstance(point, list) and len(point) == 2 for point in angles
        ):
            yield f"alignment of {layer} is not a list of [epoch, degrees]"
