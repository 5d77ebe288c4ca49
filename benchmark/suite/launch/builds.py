"""Whether rows can be built at all, before the first of them is trained."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from benchmark.algorithm import Algorithm
from benchmark.engine.memory import physical_memory
from benchmark.errors import UserError, out_of_memory
from benchmark.suite.launch.cost import DATA
from benchmark.suite.rows.fits import takes
from benchmark.suite.rows.row import Row, build_algorithm

# Tried where a data set's images are known only once it is read: what fits a rule is no matter of
# their size.
GUESSES = ((1, 28, 28), (3, 32, 32), (3, 224, 224))


def check_builds(rows: Iterable[Row]) -> None:
    """Build each row's algorithm on its network.

    Raises:
        UserError: an algorithm that does not train its network, a network that does not take the
            images, or epochs in which a part of it would never learn.
    """
    for row in rows:
        shape, classes = _images(row)
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


def _images(row: Row) -> tuple[tuple[int, int, int] | None, int]:
    """Shape and number of classes of a row's images, or a shape that its network takes."""
    if row.data["name"] not in DATA:
        return next((shape for shape in GUESSES if takes(row.network, shape, 10)), None), 10
    _, shape, classes = DATA[row.data["name"]]
    if side := row.data.get("resize") or row.data.get("size"):
        shape = (shape[0], side, side)
    return shape, classes


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
