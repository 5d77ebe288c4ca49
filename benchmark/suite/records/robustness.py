"""Robustness of recorded runs: one write-once JSON file beside each record that was attacked.

``results/robustness/`` holds them under the records' own names.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from benchmark.errors import UserError
from benchmark.suite.records import records
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.reading import read_json, typed
from benchmark.suite.records.records import Record
from benchmark.suite.records.schema import (
    Count,
    Environment,
    Finite,
    Hash,
    Hex,
    NotNegative,
    Percent,
    Seed,
    Text,
    Time,
)

Measured = dict[str, Any]
Strength = Annotated[float, Meta(gt=0, le=1000)]
WORST = ("fgsm", "pgd", "square")  # attacks, under which an image must be right without them too


class Point(Struct):
    """Accuracy under one attack or corruption.

    Attributes:
        strength: eps of an attack; of noise its deviation, of blur its in pixels, of contrast the
            share that is kept.
        through: what the attacker follows: the ``true`` gradient, the rule's ``own`` feedback, the
            true gradient of a network that ``bp`` trained, or ``scores`` alone; ``nothing`` for
            corruptions.
        acc: percent of the images that are right, and right under the attack too.
        queries: most of them for each image, where there are scores alone.
        queries_mean: of those that were made, over the images that are right without the attack.
    """

    attack: Literal["fgsm", "pgd", "square", "noise", "blur", "contrast"]
    strength: Strength
    through: Literal["true", "own", "bp", "scores", "nothing"]
    acc: Percent
    queries: Count | None = None
    queries_mean: NotNegative | None = None


class Source(Struct):
    """The run of backprop whose gradient is followed in a transfer."""

    row_hash: Hash
    seed: Seed
    weights_sha256: Hex


class Robustness(Struct):
    """One recorded run under attack, on ``images`` test images spread evenly over all."""

    schema: Literal[1]
    row_hash: Hash
    seed: Seed
    weights_sha256: Hex
    images: Count
    clean_acc: Percent
    points: list[Point]
    environment: Environment
    finished: Time
    source: Source | None = None
    settings: dict[Text, Finite] = {}
    seconds: NotNegative = 0.0


def path_of(results: Path, record: Record) -> Path:
    """Where the robustness of a record's run stands: beside the record, under its file's name."""
    path = records.path_of(results, *run_of(record))
    return results / "robustness" / (path.name if path else records.file_name(record))


def load(results: Path) -> list[Measured]:
    """All of a results folder, in the order of their file names; none is an empty list.

    Raises:
        UserError: one is broken, or two hold the same run.
    """
    found: list[Measured] = []
    for path in sorted((results / "robustness").glob("*.json")):
        one = read(path)
        if any(run_of(one) == run_of(other) for other in found):
            raise UserError(f"{path}: another file holds this run too: remove one of them")
        found.append(one)
    return found


def run_of(one: Mapping[str, Any]) -> tuple[str, int]:
    """Row hash and seed, of a record too."""
    return one["row_hash"], one["seed"]


def read(path: Path) -> Measured:
    """One file, validated.

    Raises:
        UserError: it cannot be read, or does not follow the schema; file and fault are named.
    """
    content = read_json(path, "robustness")
    try:
        return _checked(content)
    except UserError as error:
        raise UserError(f"broken {path}: {error}; restore the file, or remove it") from error


def save(
    results: Path, record: Record, measured: Mapping[str, Any], *, overwrite: bool = False
) -> Path:
    """Write what was measured beside its record.

    Raises:
        UserError: it is there already and ``overwrite`` is not set, or it cannot be written.
        ValueError: it does not follow the schema.
    """
    try:
        _checked(measured)
    except UserError as error:
        raise ValueError(f"no robustness: {error}") from error
    path = path_of(results, record)
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists: it is written once; --again (AGAIN=1) repeats it")
    write_atomically(path, json.dumps(measured, indent=1, allow_nan=False) + "\n")
    return path


def _checked(content: Any) -> Measured:
    for fault in _faults(typed(content, Robustness)):
        raise UserError(fault)
    return content  # type: ignore[no-any-return]


def _faults(one: Robustness) -> Iterator[str]:
    """What does not agree in fields that are all well by themselves."""
    times = Counter((p.attack, p.strength, p.through, p.queries) for p in one.points)
    for way, n in times.items():
        if n > 1:
            yield f"points: {way} stands {n} times"
    for k, point in enumerate(one.points):
        if point.attack in WORST and point.acc > one.clean_acc:
            yield f"points[{k}].acc is {point.acc}, above the {one.clean_acc} without attack"
        if (point.through == "scores") != (point.queries is not None):
            yield f"points[{k}]: queries go with scores alone"
        if point.through == "bp" and one.source is None:
            yield f"points[{k}] goes through bp, but no source is named"
