"""Fixtures that make small data modules and image files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from data_samples import Toy, process
from PIL import Image


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
                    Image.fromarray(pixels).save(folder / f"{i}.{ext}")
        return tmp_path / "tree"

    return write
