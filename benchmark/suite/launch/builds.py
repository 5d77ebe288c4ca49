"""Whether rows can be built at all, before the first of them is trained."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.engine.memory import physical_memory
from benchmark.errors import UserError, out_of_memory
from benchmark.suite.launch.cost import DATA, parameters
from benchmark.suite.rows.row import Row, build_algorithm


def check_builds(rows: Iterable[Row]) -> None:
    """Build each row's algorithm on its network, for data sets whose images are known by name.

    Raises:
        UserError: an algorithm that does not train its network, a network that does not take the
            images, or epochs in which a part of it would never learn.
    """
    for row in rows:
        if row.data["name"] not in DATA:
            continue
        _, shape, classes = DATA[row.data["name"]]
        if side := row.data.get("resize") or row.data.get("size"):
            shape = (shape[0], side, side)
        _check_memory(row, shape, classes)
        try:
            build_algorithm(row, 0, shape, classes).check_epochs(row.epochs)
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            if out_of_memory(error):
                raise
            raise UserError(
                f"{row.title}: network {row.network['name']} does not take images of {shape}: "
                f"{str(error).splitlines()[0]}"
            ) from error


def _check_memory(row: Row, shape: tuple[int, int, int], classes: int) -> None:
    """Refuse a network whose weights and gradients alone are more than this machine's memory."""
    size = 8 if row.precision == "64-true" else 4
    needed, there = 2 * size * parameters(row, shape, classes), physical_memory()
    if needed > there:
        raise UserError(
            f"{row.title}: the weights of network {row.network['name']} and their gradients take "
            f"{needed / 1e9:.0f} GB, this machine has {there / 1e9:.0f} GB: take a smaller one"
        )
