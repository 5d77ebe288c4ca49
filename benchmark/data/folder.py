"""Any image data set as a tree of folders: train/<class>/* and test/<class>/*."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.base import check_choice
from benchmark.data.cache import cached
from benchmark.data.decoded import Decoded, Part
from benchmark.data.images import Color, stack
from benchmark.data.resident import ResidentData
from benchmark.errors import UserError
from benchmark.options import Count

Scan = tuple[list[Path], np.ndarray, list[str]]


def scan(folder: Path, classes: list[str] | None = None) -> Scan:
    """The files in the class folders of a folder; names that start with a dot are skipped.

    Args:
        folder: with one folder per class.
        classes: the class names to expect; None to take them from the folders, in sorted order.

    Returns:
        Files, sorted within each class; the class of each, int64 [n]; the class names.

    Raises:
        UserError: for a missing or empty folder, or a class that is not expected.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}: put one folder of images per class in it")
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    classes = names if classes is None else classes
    if not names or (unknown := set(names) - set(classes)):
        what = f"an unknown class {min(unknown)}" if names else "no class folders"
        raise UserError(f"{folder} has {what}: put one folder of images per class in it")
    files: list[Path] = []
    labels: list[int] = []
    for name in names:
        found = sorted(p for p in os.listdir(folder / name) if not p.startswith("."))
        if not found:
            raise UserError(f"the class folder {folder / name} is empty: fill or remove it")
        files += [folder / name / file for file in found]
        labels += [classes.index(name)] * len(found)
    return files, np.array(labels, np.int64), classes


class Folder(ResidentData):
    """Any image data set in ``root``/train/<class>/* and ``root``/test/<class>/*.

    Args:
        size: scale every image's shorter side to this many pixels and cut the square in the
            centre; by default the images must be of one size.
        color: ``gray``, ``rgb``, or ``auto`` for that of the first image.
        options: see ``ResidentData``.
    """

    name = "folder"

    def __init__(self, *, size: Count | None = None, color: Color = "auto", **options: Any) -> None:
        super().__init__(**options)
        check_choice("color", color, Color)
        self.size, self.color = size, color

    def decode(self) -> Decoded:
        root = Path(self.root)
        train_files, train_labels, classes = scan(root / "train")
        test_files, test_labels, _ = scan(root / "test", classes)

        def decode() -> Decoded:
            train = self._stack(train_files, self.color)
            test = self._stack(test_files, "gray" if train.shape[1] == 1 else "rgb")
            return Decoded.of(
                self.name, Part(train, train_labels), Part(test, test_labels), len(classes)
            )

        options = (classes, self.size, self.color)
        return cached(self.cache, self.name, root, train_files + test_files, options, decode)

    def _stack(self, files: list[Path], color: Color) -> np.ndarray:
        sources = ((file, str(file)) for file in files)
        return stack(sources, len(files), f"decoding {self.root}", color, self.size)
