"""A small synthetic data set, and processes of a pretended world."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from benchmark.data.decoded import Decoded, Part
from benchmark.data.resident import ResidentData

REAL = Path(__file__).parents[2] / ".." / "shared" / "data"


def part(n: int, seed: int, shape: tuple[int, int, int] = (2, 6, 5), classes: int = 4) -> Part:
    """n random images, classes in unequal shares."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, classes, n))
    labels[:classes] = np.arange(classes)
    return Part(rng.integers(0, 256, (n, *shape), dtype=np.uint8), labels.astype(np.int64))


class Toy(ResidentData):
    """103 training and 21 test images of 2 x 6 x 5 pixels in 4 classes."""

    name = "toy"

    def decode(self) -> Decoded:
        return Decoded.of("toy", part(103, 1), part(21, 2))


def process(rank: int, world: int) -> SimpleNamespace:
    """What a data module asks of the trainer."""
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    return SimpleNamespace(global_rank=rank, world_size=world, strategy=strategy)
