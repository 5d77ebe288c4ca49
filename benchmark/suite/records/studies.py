"""Studies: the trials of a metaparameter search, one JSON file each, ``results/tune/*.json``.

A study holds its starting ``row``, its ``space`` (option -> range as text), the ``seeds`` that each
setting was trained with, the ``search_seed``, and its ``trials`` in their order. A trial holds the
``setting`` of the searched options, the ``row_hash`` that this makes, its ``status`` (``ok``,
``diverged``, ``at chance``), the ``val_acc`` it was judged by (percent at the last epoch, the mean
over the seeds, 0 for a seed that diverged), its ``environment``, and when it ``finished``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from benchmark.errors import UserError
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.reading import read_json, typed
from benchmark.suite.records.schema import (
    Finite,
    Hash,
    Int,
    Percent,
    Plain,
    Row,
    Seed,
    Single,
    Text,
    Time,
    row_faults,
)

Study = dict[str, Any]
Trial = dict[str, Any]
SCHEMA = 1


class _Trial(Struct):
    setting: dict[str, bool | Int | Finite | Plain]
    row_hash: Hash
    status: Literal["ok", "diverged", "at chance"]
    val_acc: Percent
    finished: Time
    environment: dict[str, Single] = {}


class _Study(Struct):
    schema: Literal[1]
    title: Annotated[str, Meta(pattern=r"\A[a-z0-9_][a-z0-9_.-]*\Z")]
    row: Row
    space: dict[Text, Text]
    seeds: Annotated[list[Seed], Meta(min_length=1)]
    search_seed: Int
    trials: Annotated[list[_Trial], Meta(min_length=1)]


def load(results: Path) -> list[Study]:
    """All studies of a results folder, in the order of their file names.

    Raises:
        UserError: a study is broken; the file and the fault are named.
    """
    return [read(path) for path in sorted((results / "tune").glob("*.json"))]


def path_of(results: Path, title: str) -> Path:
    return results / "tune" / f"{title}.json"


def read(path: Path) -> Study:
    """One study, validated.

    Raises:
        UserError: the file cannot be read, or is no valid study; the file and the fault are named.
    """
    content: Study = read_json(path, "study")
    try:
        fault = next(_faults(typed(content, _Study), path), None)
    except UserError as error:
        fault = str(error)
    if fault:
        raise UserError(f"broken study {path}: {fault}; restore the file or remove it and search")
    return content


def save(results: Path, study: Mapping[str, Any]) -> Path:
    """Write a study under its title, in place of what it was after fewer trials."""
    path = path_of(results, study["title"])
    write_atomically(path, json.dumps(study, indent=1, allow_nan=False) + "\n")
    return path


def best(study: Mapping[str, Any]) -> Trial:
    """The first trial with the best validation accuracy."""
    return max(study["trials"], key=lambda trial: trial["val_acc"])


def at_the_edge(study: Mapping[str, Any], trial: Trial, margin: float = 0.05) -> list[str]:
    """The options whose value in ``trial`` lies near an end of its range, as ``option at end``.

    Near is within ``margin`` of the range's length, on a log scale where the search's was one.
    Choices have no edge.
    """
    found = []
    for option, text in study["space"].items():
        if ":" not in text:
            continue
        low, high, *scale = text.split(":")
        ends, value = [float(low), float(high)], float(trial["setting"][option])
        if scale:
            ends, value = [math.log(end) for end in ends], math.log(value)
        place = (value - ends[0]) / (ends[1] - ends[0])
        if not margin < place < 1 - margin:
            found.append(f"{option} at {low if place < 0.5 else high}")
    return found


def _faults(study: _Study, path: Path) -> Iterator[str]:
    """What does not agree in a study whose fields are all well by themselves."""
    if study.title != path.stem:
        yield f"it is titled {study.title}"
    yield from row_faults(study.row)
    ranges = {}
    for option, text in study.space.items():
        try:
            ranges[option] = _range(text)
        except ValueError:
            yield f"the space of {option} is {text!r}, neither low:high, low:high:log nor a,b,c"
    for n, trial in enumerate(study.trials):
        if trial.setting.keys() != study.space.keys():
            yield f"trial {n} does not set what the space names"
        for option, value in trial.setting.items():
            if not _allows(ranges[option], value):
                yield f"trial {n} sets {option} to {value!r}, outside {study.space[option]}"


def _range(text: str) -> tuple[float, float] | None:
    """Both ends of ``low:high[:log]``; None for choices. Raises ValueError for another form."""
    if ":" not in text:
        return None
    low, high, *scale = text.split(":")
    ends = float(low), float(high)
    if not -math.inf < ends[0] < ends[1] < math.inf or scale not in ([], ["log"]):
        raise ValueError
    if scale and ends[0] <= 0:
        raise ValueError
    return ends


def _allows(ends: tuple[float, float] | None, value: Any) -> bool:
    if ends is None:
        return True
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and ends[0] <= value <= ends[1]
