"""The table of searches: from their records, beside the published numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from tabulate import tabulate

from benchmark.suite.records import published
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.reading import read_json

FOLDER = "evolve"  # of the results
COUNTS = ("generations", "evaluations", "hidden_nodes")
HEADS = ("task", "algorithm", "solved", *(count.replace("_", " ") for count in COUNTS))
HEAD = """\
Runs that solve a task, and what it took them: mean ± standard deviation (median) over those runs.
An evaluation is one network judged; whole generations are counted. Published means stand below in
brackets, † where one could not be checked against its source.
"""


def write_table(results: Path) -> str:
    """Write ``evolve/table.md`` from all records; returns it."""
    text = table(load(results))
    write_atomically(results / FOLDER / "table.md", f"# Evolution on tasks\n\n{HEAD}\n{text}\n")
    return text


def load(results: Path) -> list[Mapping[str, Any]]:
    """The records of all searches, in the order of their file names."""
    return [read_json(path, "record") for path in sorted((results / FOLDER).glob("*.json"))]


def table(records: Iterable[Mapping[str, Any]]) -> str:
    """A line for each record, and one for each paper that it is compared with."""
    return tabulate(lines(records), HEADS, tablefmt="pipe", disable_numparse=True)


def lines(records: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """The same under HEADS."""
    found = []
    for record in records:
        runs, settings = record["runs"], record["settings"]
        solved = [run for run in runs if run["solved"]]
        counts = [_spread([run[count] for run in solved if count in run]) for count in COUNTS]
        name = settings["algorithm"]["name"]
        found.append([settings["task"], name, f"{len(solved)} of {len(runs)}", *counts])
        found += _published(record["cells"])
    return found


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    around = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{around} ({median(values):g})"


def _published(cells: Iterable[str]) -> list[list[str]]:
    """A line for each paper, its means in brackets."""
    papers: dict[str, dict[str, str]] = {}
    for cell in map(published.lookup, cells):
        mark = "" if cell.status == "verified" else " †"
        line = papers.setdefault(cell.paper, {"runs": cell.n_seeds})
        line[cell.metric] = f"[{cell.number:g}]{mark}"
    return [
        ["", paper, f"{line['runs']} runs", *(line.get(count, "") for count in COUNTS)]
        for paper, line in papers.items()
    ]
