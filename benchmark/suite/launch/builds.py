"""Whether rows can be built at all, before the first of them is trained."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from benchmark.algorithm import Algorithm
from benchmark.engine.memory import physical_memory
from benchmark.errors import UserError, out_of_memory
from benchmark.suite.rows.datasets import images_of
from benchmark.suite.rows.row import Row, build_algorithm


def check_builds(rows: Iterable[Row]) -> None:
    """Build each row's algorithm on its network.

    Raises:
        UserError: an algorithm that does not train its network, a network that does not take the
            images, or epochs in which a part of it would never learn.
    """
    for row in rows:
        shape, classes = images_of(row)
        if shape is None:
            continue
        try:
            algorithm = _built(row, shape, classes)
            algorithm.check_epochs(row.epochs)
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            if out_of_memory(error):
                raise
            raise UserError(
                f"{row.title}: network {row.network['name']} does not take images of {shape}: "
                f"{str(error).splitlines()[0]}"
            ) from error
        _check_memory(row, algorithm)


def _built(row: Row, shape: tuple[int, ...], classes: int) -> Algorithm:
    """Shapes alone, without memory or draws; whole, if its constructor reads its own numbers."""
    try:
        with torch.device("meta"):
            return build_algorithm(row, 0, shape, classes)
    except (NotImplementedError, RuntimeError) as error:
        if isinstance(error, NotImplementedError) or "meta" in str(error):
            return build_algorithm(row, 0, shape, classes)
        raise


def _check_memory(row: Row, algorithm: Algorithm) -> None:
    """Refuse what this machine's memory does not hold: weights, their gradients, and buffers."""
    size = 8 if row.precision == "64-true" else 4
    weights = sum(w.numel() for w in algorithm.parameters())
    needed = size * (2 * weights + sum(b.numel() for b in algorithm.buffers()))
    if needed > (there := physical_memory()):
        raise UserError(
            f"{row.title}: the weights of network {row.network['name']}, their gradients and the "
            f"feedback of {row.algorithm['name']} take {needed / 1e9:.0f} GB, this machine has "
            f"{there / 1e9:.0f} GB: take a smaller one"
        )
