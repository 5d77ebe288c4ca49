"""What the boards say of a rule beside its numbers: its traits, from a file. Without torch.

The classes declare the traits, and importing them takes torch. So ``python -m benchmark list
--csv`` writes them to ``published/algorithms.csv``, and a test compares the two.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache

from benchmark.suite.records.places import PUBLISHED
from benchmark.suite.records.reading import read_csv
from benchmark.traits import Traits

FILE = PUBLISHED / "algorithms.csv"
COLUMNS = ("teacher", "transport", "feedback", "passes")
LEGEND = """\
- **teacher**: the farthest that a hidden layer's update reads for what tells it right from wrong:
  the **label** and nothing above it, the output **error**, or a signal that depends on the layer
  **above**.
- **transport**: whose forward weights are read from outside their layer: none, their signs, those
  of the output layer, or all weights (what backprop needs).
- **feedback**: own weights that bring the signal: none, fixed, refreshed from the forward ones, or
  learned.
- **passes**: of a step: one forward pass, several, or settling; and whether derivatives are carried
  backward. These four are traits of the rule with its default options, proved by perturbation in
  `tests/conformance/test_traits.py`.
"""


def to_csv(traits: Mapping[str, Traits]) -> str:
    """A line for each rule: its name, and its traits."""
    file = io.StringIO()
    lines = [{"algorithm": name, **asdict(t), "passes": t.passes} for name, t in traits.items()]
    writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


@cache
def _read() -> dict[str, dict[str, str]]:
    return {line.get("algorithm", ""): line for line in read_csv(FILE, "the rules' traits")}


def plausibility(algorithm: str) -> dict[str, str]:
    """The COLUMNS of a rule; empty for one that is not registered."""
    line = _read().get(algorithm, {})
    return {column: line.get(column, "") for column in COLUMNS}


def families() -> dict[str, str]:
    """Registered rule -> its family, in the order of the registry."""
    return {name: line.get("family", "") for name, line in _read().items()}
