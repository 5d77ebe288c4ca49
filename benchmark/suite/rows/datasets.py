"""What is known of data sets before they are read: how many images, of what shape."""

from __future__ import annotations

from benchmark.suite.rows.fits import takes
from benchmark.suite.rows.row import Row

# Training images, their shape and the classes of the data sets that are known by name; an unknown
# one is taken for the last.
DATA: dict[str, tuple[int, tuple[int, int, int], int]] = {
    "mnist5k": (3_500, (1, 28, 28), 10),
    "mnist": (60_000, (1, 28, 28), 10),
    "fashion_mnist": (60_000, (1, 28, 28), 10),
    "cifar10": (50_000, (3, 32, 32), 10),
    "cifar100": (50_000, (3, 32, 32), 100),
    "moving_mnist5k": (7_000, (1, 28, 28), 10),
    "moving_mnist": (120_000, (1, 28, 28), 10),
    "moving_cifar10": (100_000, (3, 32, 32), 10),
    "imagenet": (1_281_167, (3, 224, 224), 1000),
}
# Tried where a data set's images are known only once it is read: what fits a rule is no matter of
# their size.
GUESSES = ((1, 28, 28), (3, 32, 32), (3, 224, 224))


def images_of(row: Row) -> tuple[tuple[int, int, int] | None, int]:
    """Shape and number of classes of a row's images, or a shape that its network takes."""
    if row.data["name"] not in DATA:
        return next((shape for shape in GUESSES if takes(row.network, shape, 10)), None), 10
    _, shape, classes = DATA[row.data["name"]]
    if side := row.data.get("resize") or row.data.get("size"):
        shape = (shape[0], side, side)
    return shape, classes
