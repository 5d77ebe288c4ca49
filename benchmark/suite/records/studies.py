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
from typing import Any

from benchmark.suite.records.files import read_json, write_atomically

Study = dict[str, Any]
Trial = dict[str, Any]
SCHEMA = 1
STATUSES = ("ok", "diverged", "at chance")
FIELDS: dict[str, type] = {
    "title": str, "row": dict, "space": dict, "seeds": list, "search_seed": int, "trials": list,
}  # fmt: skip


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
    study: Study = read_json(path, "study", _faults, "search")
    return study


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
        if scale == ["log"]:
            ends, value = [math.log(end) for end in ends], math.log(value)
        place = (value - ends[0]) / (ends[1] - ends[0])
        if not margin < place < 1 - margin:
            found.append(f"{option} at {low if place < 0.5 else high}")
    return found


def _faults(study: Any) -> Iterator[str]:
    """What is wrong with a study, most telling first."""
    if not isinstance(study, dict):
        yield "it is not a JSON object"
        return
    if study.get("schema") != SCHEMA:
        yield f"schema is {study.get('schema')!r}, this version reads {SCHEMA}"
    for field, kind in FIELDS.items():
        if not isinstance(study.get(field), kind):
            yield f"{field} is {study.get(field)!r}, not of type {kind.__name__}"
    if not study["trials"]:
        yield "it has no trials"
    for n, trial in enumerate(study["trials"]):
        if set(trial.get("setting", ())) != set(study["space"]):
            yield f"trial {n} does not set what the space names"
        if trial.get("status") not in STATUSES:
            yield f"trial {n} has the status {trial.get('status')!r}"
        value = trial.get("val_acc")
        if not isinstance(value, int | float) or not 0 <= value <= 100:
            yield f"trial {n} has val_acc {value!r}, not a percentage"
        for field in ("row_hash", "finished"):
            if not isinstance(trial.get(field), str):
                yield f"trial {n} has no {field}"
