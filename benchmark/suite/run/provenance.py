"""Where a record comes from: what made it, when and where, and what is different here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from benchmark.suite.records.places import ROOT
from benchmark.suite.records.records import Record
from benchmark.suite.rows.row import PLACES

# Options about one machine, which change no result, and the seeds, which records have themselves.
OUTSIDE = (*(f"data.{place}" for place in PLACES), "machine", "seeds")


def origin(path: Path | None, args: list[str], options: Namespace) -> dict[str, Any]:
    """The config file of a row, and what the command line set beside it.

    Args:
        path: of the config, if the row has one; of one outside the project the name is kept.
        args: the command line.
        options: what it was parsed to, together with the config.

    Returns:
        ``config`` and ``options``, each as ``--option=value``, however it was written.
    """
    keys = [arg[2:].split("=", 1)[0].removesuffix("+") for arg in args if arg.startswith("--")]
    said = [
        f"--{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in options.items()
        if any(_within(name, key) for key in keys) and not any(_within(name, o) for o in OUTSIDE)
    ]
    return {"config": config_name(path), "options": said}


def _within(name: str, group: str) -> bool:
    return name == group or name.startswith(f"{group}.")


def config_name(path: Path | None) -> str:
    """The path of a config in the project; of one outside its file name; empty for none."""
    if path is None:
        return ""
    resolved = path.resolve()
    return resolved.relative_to(ROOT).as_posix() if resolved.is_relative_to(ROOT) else path.name


def made(record: Record) -> str:
    """When, by which commit and where a record was made, as far as it says, and its accuracy."""
    environment = record["environment"]
    parts = [f"on {record['finished'][:10]}"]
    if commit := environment.get("commit"):
        parts.append(f"by commit {commit[:7]}{' with changes' * bool(environment.get('dirty'))}")
    arithmetic = environment.get("instruction_set")
    device = environment.get("device_name") or environment["device"]
    parts.append(f"on {device}{f' ({arithmetic})' if arithmetic else ''}")
    accuracy = record["metrics"].get("test_acc")
    result = record["status"] if accuracy is None else f"test {accuracy:.2f} %"
    return f"{' '.join(parts)}, {result}"


def differences(then: Record, now: Record) -> Iterator[str]:
    """What is not the same, or not known to be, about data, code, software and machine."""
    for group in ("dataset", "environment"):
        old: Mapping[str, Any] = then[group]
        new: Mapping[str, Any] = now[group]
        for key in new:
            known = old.get(key)
            if known is None or known != new[key] or (key == "dirty" and known):
                yield f"{key}: {_said(known)} then, {_said(new[key])} now"


def _said(value: Any) -> str:
    return "unknown" if value is None else str(value)
