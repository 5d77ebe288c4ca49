"""A small synthetic data set, and processes of a pretended world."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

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


@pytest.fixture
def toy():
    """Makes a data module that is set up: toy(rank=0, world=1, seed=0, **options)."""

    def make(rank: int = 0, world: int = 1, seed: int = 0, **options) -> Toy:
        data = Toy(**{"batch_size": 8, "val_size": 11, **options})
        data.seed = seed
        data.trainer = process(rank, world)
        data.setup()
        return data

    return make


@pytest.fixture
def minibatches():
    """All mini-batches of an epoch of a data module, one after the other."""

    def collect(data, epoch: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
        loader = data.train_dataloader()
        loader.set_epoch(epoch)
        size = data.local_batch_size
        return [pair for x, y in loader for pair in zip(x.split(size), y.split(size), strict=True)]

    return collect


@pytest.fixture
def image_tree(tmp_path):
    """Writes root/<split>/<class>/<i>.<ext> with random pixels: image_tree(root, splits, ...)."""

    def write(
        splits: dict[str, int],
        size: tuple[int, int] = (8, 8),
        mode: str = "RGB",
        ext: str = "png",
        classes: tuple[str, ...] = ("cat", "dog"),
    ) -> Path:
        rng = np.random.default_rng(0)
        shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
        for split, count in splits.items():
            for name in classes:
                folder = tmp_path / "tree" / split / name
                folder.mkdir(parents=True)
                for i in range(count):
                    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
                    Image.fromarray(pixels, mode).save(folder / f"{i}.{ext}")
        return tmp_path / "tree"

    return write
