"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 through torchvision."""

from __future__ import annotations

import os
import tempfile
from abc import abstractmethod
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torchvision import datasets
from torchvision.datasets.mnist import read_image_file, read_label_file
from torchvision.datasets.utils import check_integrity

from benchmark.data.decoded import Decoded, Part
from benchmark.data.parquet import read_export, shards
from benchmark.data.resident import ResidentData
from benchmark.errors import UserError
from benchmark.options import CountOrZero


class VisionData(ResidentData):
    """A data set that torchvision knows.

    It is read from torchvision's files below ``root``; else from the Hugging Face hub's export,
    train-*.parquet and test-*.parquet in ``root``/<name of the data set>; else it is downloaded,
    and only complete files are put in place. Either way the same images give the same runs.

    Args:
        val_size: samples parted off for validation.
        options: see ``ResidentData``.
    """

    source: ClassVar[Any]  # torchvision's class
    folder: ClassVar[str]  # where torchvision keeps its files, below the root
    files: ClassVar[str]  # which files those are, for messages
    count: ClassVar[int] = 10  # classes

    def __init__(self, *, val_size: CountOrZero = 5000, **options: Any) -> None:
        super().__init__(val_size=val_size, **options)

    @abstractmethod
    def read(self, folder: Path) -> Decoded:
        """Read torchvision's files."""

    def decode(self) -> Decoded:
        folder, export = Path(self.root, self.folder), Path(self.root, self.name)
        if not folder.is_dir():
            if shards(export, "train"):
                return read_export(export, self.cache, self.name, classes=self.count)
            self._download(folder)
        return self.read(folder)

    def _download(self, folder: Path) -> None:
        """Download into a temporary folder, then put the whole in place in one move."""
        try:
            Path(self.root).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".download-", dir=self.root) as scratch:
                self.source(scratch, download=True)
                folder.parent.mkdir(exist_ok=True)
                os.replace(Path(scratch, self.folder), folder)
        except (OSError, RuntimeError, HTTPException) as error:
            if folder.is_dir():
                return  # another machine on the same disk was faster
            reason = " ".join(str(error).split())  # torchvision's runs over several lines
            raise UserError(
                f"{self.name} is not in {folder} and cannot be downloaded ({reason}): put "
                f"{self.files} there, or train-*.parquet and test-*.parquet in "
                f"{Path(self.root, self.name)}"
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
        return Decoded.of(self.name, train, test, classes=self.count)


def _idx(read: Any, path: Path) -> np.ndarray:
    """The array of an idx file; UserError naming it if it is missing or broken."""
    if not path.is_file():
        raise UserError(
            f"{path} is missing: delete {path.parent} to download it again, or unpack it there"
        )
    try:
        return read(path).numpy()
    except Exception as error:  # whatever a file leads to that is cut off or something else
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


class Cifar100(PickledData):
    """CIFAR-100: 50,000 and 10,000 colour images of 32 x 32 pixels, 100 classes."""

    name, source, folder = "cifar100", datasets.CIFAR100, "cifar-100-python"
    count = 100
