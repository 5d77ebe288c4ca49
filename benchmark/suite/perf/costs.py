"""``make costs``: what a step of each recorded row does and holds, counted as it runs.

Counted, not timed: the numbers are those of the operations, equal on every machine. Seconds come
from ``make perf`` alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from benchmark.engine.descent import Descent
from benchmark.errors import UserError
from benchmark.streams import stream
from benchmark.suite.perf.counting import Bytes, Flops
from benchmark.suite.records import counted
from benchmark.suite.records.counted import Counted
from benchmark.suite.records.records import Record, by_row, load
from benchmark.suite.rows.datasets import images_of
from benchmark.suite.rows.row import Row, build_algorithm


class Step(NamedTuple):
    """One training step on a mini-batch.

    Attributes:
        flops: of its matrix products and convolutions, two for a multiplication with its addition.
        passes: samples that the lowest synapse answers, per sample of the mini-batch.
        peak: bytes of all tensors at their most: weights, feedback, the optimizer's state,
            gradients, activities and the mini-batch.
    """

    flops: int
    passes: float
    peak: int


def step_of(algorithm: Any, x: Tensor, y: Tensor) -> Step:
    """What a rule's second step does: what it does once, before the first, is over."""
    algorithm.train()
    optimizer = algorithm.optim.build(algorithm.param_groups())
    algorithm.descend = Descent(optimizer, algorithm.optim.clip)
    algorithm.learn(x, y)
    algorithm._step = 1
    for p in algorithm.parameters():
        p.grad = None
    answered = [0]
    synapse = next(m for m in algorithm.net.modules() if hasattr(m, "weight"))
    handle = synapse.register_forward_pre_hook(lambda _, args: _add(answered, len(args[0])))
    with Bytes([x, y, *_state_of(algorithm, optimizer)]) as memory, Flops() as flops:
        algorithm.learn(x, y)
    handle.remove()
    return Step(flops.total, answered[0] / len(y), memory.peak)


def _add(count: list[int], n: int) -> None:
    count[0] += n


def _state_of(algorithm: Any, optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    yield from algorithm.parameters()
    yield from algorithm.buffers()
    for held in optimizer.state.values():
        yield from (value for value in held.values() if isinstance(value, Tensor))


def cost_of(record: Record) -> Counted:
    """The cost of a record's row, from a step on random images."""
    row = Row(**copy.deepcopy(record["row"]))
    shape, _ = images_of(row)
    dataset, size = record["dataset"], row.data["batch_size"]
    classes = dataset.get("classes") or 10
    if shape is None:
        raise UserError(f"{row.title}: network {row.network['name']} takes no images of known size")
    algorithm = build_algorithm(row, 0, shape, classes)
    if row.precision == "64-true":
        algorithm = algorithm.double()
    algorithm.frames = row.data.get("frames", 1)  # of a clip, as the data module tells a run
    draws = stream(0, "costs")
    dtype = torch.float64 if row.precision == "64-true" else torch.float32
    x = torch.rand((size, *shape), generator=draws, dtype=dtype)
    y = torch.randint(classes, (size,), generator=draws)
    step = step_of(algorithm, x, y)
    return Counted(
        row_hash=record["row_hash"],
        batch_size=size,
        steps=dataset["train"] // size,
        flops=step.flops,
        passes=step.passes,
        peak_bytes=step.peak,
        parameters=sum(p.numel() for p in algorithm.net.parameters()),
    )


def costs(results: Path, again: bool = False) -> int:
    """Count what is not counted yet, and write ``counted.csv`` after each row.

    Args:
        results: the folder of the records.
        again: count all rows anew.

    Returns:
        The number of rows counted.

    Raises:
        UserError: a record or the file is broken, or it cannot be written.
    """
    rows = by_row(load(results))
    known = {} if again else counted.read(results)
    missing = [group[0] for row_hash, group in rows.items() if row_hash not in known]
    for record in tqdm(missing, "counting", unit="row", disable=None):
        known[record["row_hash"]] = cost_of(record)
        counted.write(results, known)
    return len(missing)
