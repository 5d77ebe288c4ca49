"""The depth table's rows: plain and residual networks of 1 to 32 hidden layers, every rule.

Searches and seeds are those of the equal-budget board (see there), one search for each rule,
network and depth; the width and the epochs are smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from benchmark.algorithms import ALGORITHMS
from benchmark.errors import UserError
from benchmark.registry import nearest
from benchmark.suite.launch.builds import check_builds
from benchmark.suite.launch.equal import ACTIVATION, Entry, asked
from benchmark.suite.rows.parse import Names, read_row
from benchmark.traits import needs

DATASETS = ("mnist", "fashion_mnist")
NETWORKS = ("mlp", "res_mlp")
DEPTHS = (1, 2, 4, 8, 16, 32)  # hidden layers
DEEP = 2  # what trains so many hidden layers trains more
WIDTH = 128
BUDGET = ["--data.batch_size=128", "--data.val_size=5000", "--epochs=3", "--variant=depth"]


def entries(
    only: str | None = None, places: Sequence[str] = (), rules: Sequence[str] | None = None
) -> dict[str, list[Entry]]:
    """Every rule that trains such networks, at each depth; the shallow first.

    Args:
        only: name of a data set.
        places: options of all rows that leave them the same rows.
        rules: names of those that are wanted; None for all.

    Raises:
        UserError: no table is named ``only``, or a rule is unknown.
    """
    if only is not None and only not in DATASETS:
        raise UserError(f"the depth table has no part {only!r}: {nearest(only, DATASETS)}")
    return {
        dataset: [
            _entry(rule, dataset, network, depth, places)
            for depth in DEPTHS
            for network in NETWORKS
            for rule in asked(rules)
            if needs(ALGORITHMS[rule]) not in ("settles", "samples")
            if trains(rule, dataset, network, min(depth, DEEP))
        ]
        for dataset in DATASETS
        if only in (None, dataset)
    }


def _entry(rule: str, dataset: str, network: str, depth: int, places: Sequence[str]) -> Entry:
    hidden = ",".join([str(WIDTH)] * depth)
    options = [*BUDGET, f"--network.hidden=[{hidden}]"]
    return Entry(Names(rule, dataset, network), options, ACTIVATION, tuple(places))


@cache
def trains(rule: str, dataset: str, network: str, depth: int) -> bool:
    """Whether a rule takes such a network at all."""
    entry = _entry(rule, dataset, network, depth, ())
    try:
        check_builds([read_row(entry.names, entry.config, entry.options)])
    except UserError:
        return False
    return True
