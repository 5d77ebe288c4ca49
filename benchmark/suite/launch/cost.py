"""What a run costs, in seconds: as recorded with another seed, else from its multiplications."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.streams import stream
from benchmark.suite.records import records
from benchmark.suite.rows.datasets import DATA
from benchmark.suite.rows.row import Row, without_name

# Times as long as backprop on the same network, as the records have it; 1 for all others.
FACTOR = {
    "ff": 2, "ldtp": 14, "pepita_tl": 2,
    **dict.fromkeys(("dtp", "tp", "sdtp", "ao_sdtp", "ddtp_linear"), 3),
    **dict.fromkeys(("ep", "ep_vf", "chl", "bptt"), 20),
}  # fmt: skip
# Of one core, as the records have it.
MULTIPLICATIONS = 2e10  # a second
SMALL = 5e8  # in the forward pass of a mini-batch
UNKNOWN = 1e8  # for an image, where they cannot be counted
STEP = 3e-4  # seconds of a mini-batch beside them
START = 2.0  # seconds before the first one


def seconds_of(row: Row, results: Path) -> float:
    """As recorded with another seed, else estimated."""
    known = [
        records.read(path)["cost"].get("seconds")
        for path in (results / "records").glob(f"*-{row.hash}-s*.json")
    ]
    return START + max((seconds for seconds in known if seconds), default=estimate(row))


def estimate(row: Row) -> float:
    """Images x epochs x multiplications of forward and backward pass x the algorithm's factor."""
    images, shape, classes = DATA.get(row.data["name"], DATA["imagenet"])
    images *= row.epochs
    work = images * 3 * multiplications(row, shape, classes)
    steps = images / row.data["batch_size"]
    return FACTOR.get(row.algorithm["name"], 1) * (work / MULTIPLICATIONS + steps * STEP)


def multiplications(row: Row, shape: tuple[int, int, int], classes: int) -> float:
    """Of one image's forward pass, counted on tensors without data."""
    try:
        with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
            _network(row, shape, classes)(torch.zeros(2, *shape))
    except UserError:
        raise
    except Exception:  # a network of others may want real numbers, or images of another shape
        return UNKNOWN
    return counter.get_total_flops() / 4


def _network(row: Row, shape: tuple[int, int, int], classes: int) -> Any:
    network: Any = NETWORKS[row.network["name"]]
    return network(shape, classes, stream(0, "init"), **without_name(row.network))


def is_small(row: Row) -> bool:
    """Whether a mini-batch is too little work for several threads."""
    _, shape, classes = DATA.get(row.data["name"], DATA["imagenet"])
    return row.data["batch_size"] * multiplications(row, shape, classes) < SMALL
