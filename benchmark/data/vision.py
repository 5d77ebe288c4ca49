"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 through torchvision."""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import URLError

import numpy as np
from torchvision import datasets
from torchvision.datasets.mnist import read_image_file, read_label_file
from torchvision.datasets.utils import check_integrity

from benchmark.data.decoded import Decoded, Part
from benchmark.data.resident import ResidentData
from benchmark.errors import UserError


class VisionData(ResidentData):
    """A data set that torchvision knows, in torchvision's files below ``root``.

    Missing files are downloaded, and only complete ones put in place.

    Args:
        val_size: samples parted off for validation.
        options: see ``ResidentData``.
    """

    source: ClassVar[Any]  # torchvision's class
    folder: ClassVar[str]  # where torchvision keeps its files, below the root
    files: ClassVar[str]  # which files those are, for messages

    def __init__(self, *, val_size: int = 5000, **options: Any) -> None:
        super().__init__(val_size=val_size, **options)

    @abstractmethod
    def read(self, folder: Path) -> Decoded:
        """Read torchvision's files."""

    def decode(self) -> Decoded:
        folder = Path(self.root, self.folder)
        if not folder.is_dir():
            self._download(folder)
        return self.read(folder)

    def _download(self, folder: Path) -> None:
        """Download into a temporary folder, then put the whole in place in one move."""
        top = self.folder.split("/")[0]
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".download-", dir=self.root) as scratch:
                self.source(scratch, download=True)
                shutil.rmtree(Path(self.root, top), ignore_errors=True)
                os.replace(Path(scratch, top), Path(self.root, top))
        except (URLError, OSError, RuntimeError) as error:
            raise UserError(
                f"{self.name} is not in {folder} and cannot be downloaded ({error}): "
                f"put {self.files} there"
            ) from error


class IdxData(VisionData):
    """A data set in the four idx files of MNIST."""

    files = "the four unpacked idx files (train-images-idx3-ubyte ...)"

    def read(self, folder: Path) -> Decoded:
        train, test = (
            Part(
                _idx(read_image_file, folder / f"{prefix}-images-idx3-ubyte")[:, None],
                _idx(read_label_file, folder / f"{prefix}-labels-idx1-ubyte"),
            )
            for prefix in ("train", "t10k")
        )
        return Decoded.of(self.name, train, test, classes=10)


def _idx(read: Any, path: Path) -> np.ndarray:
    """The array of an idx file; UserError naming it if it is missing or broken."""
    try:
        return read(path).numpy()
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is missing: delete {path.parent} to download it again, or unpack it there"
        ) from error
    # What torchvision lets through for files that are cut off or are something else.
    except (AssertionError, RuntimeError, ValueError, TypeError, KeyError, OSError) as error:
        raise UserError(
            f"{path} is truncated or no idx file: delete {path.parent} to download it again"
        ) from error


class Mnist(IdxData):
    """MNIST: 60,000 and 10,000 grey images of 28 x 28 pixels, 10 classes."""

    name, source, folder = "mnist", datasets.MNIST, "MNIST/raw"


class FashionMnist(IdxData):
    """Fashion-MNIST: 60,000 and 10,000 grey images of 28 x 28 pixels, 10 classes."""

    name, source, folder = "fashion_mnist", datasets.FashionMNIST, "FashionMNIST/raw"


class PickledData(VisionData):
    """A data set in the Python pickles of CIFAR; torchvision checks their md5 sums."""

    files = "the unpacked Python version"
    count: ClassVar[int]  # classes

    def read(self, folder: Path) -> Decoded:
        try:
            sets = [self.source(folder.parent, train=train) for train in (True, False)]
        except RuntimeError as error:
            meta = (self.source.meta["filename"], self.source.meta["md5"])
            files = [*self.source.train_list, *self.source.test_list, meta]
            bad = [folder / file for file, md5 in files if not check_integrity(folder / file, md5)]
            raise UserError(
                f"{bad[0]} is missing or truncated: delete {folder} to download it again"
            ) from error
        train, test = (
            Part(s.data.transpose(0, 3, 1, 2), np.array(s.targets, np.int64)) for s in sets
        )
        return Decoded.of(self.name, train, test, classes=self.count)


class Cifar10(PickledData):
    """CIFAR-10: 50,000 and 10,000 colour images of 32 x 32 pixels, 10 classes."""

    name, source, folder = "cifar10", datasets.CIFAR10, "cifar-10-batches-py"
    count = 10


class Cifar100(PickledData):
    """CIFAR-100: 50,000 and 10,000 colour images of 32 x 32 pixels, 100 classes."""

    name, source, folder = "cifar100", datasets.CIFAR100, "cifar-100-python"
    count = 100
