"""Any image data set as a tree of folders: train/<class>/* and test/<class>/*, or of clips."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.base import check_choice
from benchmark.data.cache import cached
from benchmark.data.decoded import Decoded, clips
from benchmark.data.images import Color, stack
from benchmark.data.resident import ResidentData
from benchmark.errors import UserError
from benchmark.options import Count

Scan = tuple[list[Path], np.ndarray, list[str]]
TESTS = ("test", "val", "valid", "validation")  # where the test images may lie
UNFINISHED = (".part", ".partial", ".incomplete", ".crdownload", ".download", ".tmp", ".aria2")
ANNOTATIONS = "val_annotations.txt"


def scan(folder: Path, classes: list[str] | None = None, frames: int = 1) -> Scan:
    """The files in the class folders of a folder; names that start with a dot are skipped.

    Tiny ImageNet's layout is read as well: the images of a class in <class>/images, or all in
    ``images`` beside a val_annotations.txt that tells the class of each.

    Args:
        folder: with one folder per class.
        classes: the class names to expect, all of them; None to take them from the folders, in the
            order of their numbers where all are whole numbers, else of their text.
        frames: of a clip; more than one where each class folder has a folder for each scene, whose
            files are its frames in the order of their names. A scene is cut into clips; what is
            left at its end is not used.

    Returns:
        Files, sorted within each class; the class of each, int64 [n]; the class names.

    Raises:
        UserError: for a missing or empty folder, fewer or other classes than expected, fewer than
            two, or what is no image file: a broken link, a pipe, the rest of a download.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}: put one folder of images per class in it")
    by_class = _annotated(folder) if _is_annotated(folder) else _in_folders(folder, frames)
    names = sorted(by_class, key=_by_number if all(map(_is_number, by_class)) else None)
    expected = names if classes is None else classes
    if not names or (unknown := set(names) - set(expected)):
        what = f"an unknown class {min(unknown)}" if names else "no class folders"
        raise UserError(f"{folder} has {what}: put one folder of images per class in it")
    if missing := set(expected) - set(names):
        raise UserError(f"{folder} lacks the class {min(missing)}: add it, or remove it elsewhere")
    if len(names) < 2:
        raise UserError(f"{folder} has one class, {names[0]}: there is nothing to learn")
    place = {name: k for k, name in enumerate(expected)}
    files = [file for name in names for file in by_class[name]]
    labels = [place[name] for name in names for _ in by_class[name]]
    return files, np.array(labels, np.int64), expected


def tests_in(root: Path) -> Path:
    """The folder of the test images below a root; that of Tiny ImageNet's tests has no classes."""
    found = [root / name for name in TESTS if (root / name).is_dir()]
    labelled = [path for path in found if _is_annotated(path) or not (path / "images").is_dir()]
    return (labelled or found or [root / TESTS[0]])[0]


def finished(names: Iterable[str], folder: Path) -> list[str]:
    """The names that do not start with a dot, sorted.

    Raises:
        UserError: one is the rest of a download.
    """
    kept = sorted(name for name in names if not name.startswith("."))
    for name in kept:
        if name.lower().endswith(UNFINISHED):
            raise UserError(f"{folder / name} is the rest of a download: finish or remove it")
    return kept


def _in_folders(folder: Path, frames: int = 1) -> dict[str, list[Path]]:
    """Class -> its files, of one folder per class."""
    files = _files if frames == 1 else partial(_clips, frames=frames)
    names = finished(_listed(folder), folder)
    for name in names:
        if not (folder / name).exists():
            raise UserError(f"{folder / name} is a broken link: mend or remove it")
    return {name: files(folder / name) for name in names if (folder / name).is_dir()}


def _clips(folder: Path, frames: int) -> list[Path]:
    """The frames of a class: those of its scenes, as many from each as make whole clips."""
    found: list[Path] = []
    for name in finished(_listed(folder), folder):
        if not (folder / name).is_dir():
            raise UserError(
                f"{folder / name} is no folder: with frames, put those of each scene in one"
            )
        files = _files(folder / name)
        if len(files) < frames:
            raise UserError(
                f"{folder / name} has {len(files)} frames, a clip {frames}: add some, or remove it"
            )
        found += files[: len(files) // frames * frames]
    if not found:
        raise UserError(f"the class folder {folder} is empty: fill or remove it")
    return found


def _files(folder: Path) -> list[Path]:
    """The image files of a class."""
    entries = _listed(folder)
    names = finished(entries, folder)
    if "images" in names and all(n == "images" or n.endswith(".txt") for n in names):
        return _files(folder / "images")
    if not names:
        raise UserError(f"the class folder {folder} is empty: fill or remove it")
    for name in names:
        if not entries[name]:
            raise UserError(
                f"{folder / name} is no file (a broken link, a pipe or a folder): remove it"
            )
    return [folder / name for name in names]


def _listed(folder: Path) -> dict[str, bool]:
    """Name -> whether it is a regular file, links followed."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _is_file(entry) for entry in entries}
    except OSError as error:
        raise UserError(f"cannot read the folder {folder}: {error.strerror}") from error


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _is_annotated(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / ANNOTATIONS).is_file()


def _annotated(folder: Path) -> dict[str, list[Path]]:
    """Class -> its files, as lines of name, class and more tell."""
    path = folder / ANNOTATIONS
    files = {file.name: file for file in _files(folder / "images")}
    by_class: dict[str, list[Path]] = {}
    try:
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        told = {name: label for name, label, *_ in lines}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} has lines other than file, class, ...: mend it") from error
    if strangers := files.keys() ^ told.keys():
        raise UserError(
            f"{path} and {folder / 'images'} do not agree on {min(strangers)}: mend one of them"
        )
    for name in sorted(files):
        by_class.setdefault(told[name], []).append(files[name])
    return by_class


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


def _by_number(name: str) -> tuple[int, str]:
    return int(name), name


class Folder(ResidentData):
    """Any image data set in ``root``/train/<class>/* and ``root``/test/<class>/*.

    Without a ``test``, the test images are those of ``val``, ``valid`` or ``validation``. Classes
    are numbered in the order of their names: as numbers where all are, else as text.

    Args:
        size: scale every image's shorter side to this many pixels and cut the square in the
            centre; by default the images must be of one size.
        color: ``gray``, ``rgb``, or ``auto`` for that of the first image.
        frames: of a clip; more than one for ``root``/train/<class>/<scene>/*.
        options: see ``ResidentData``.
    """

    name = "folder"

    def __init__(
        self,
        *,
        size: Count | None = None,
        color: Color = "auto",
        frames: Count = 1,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_choice("color", color, Color)
        self.size, self.color, self.frames = size, color, frames

    def decode(self) -> Decoded:
        root, frames = Path(self.root), self.frames
        train_files, train_labels, classes = scan(root / "train", None, frames)
        test_files, test_labels, _ = scan(tests_in(root), classes, frames)

        def decode() -> Decoded:
            train = self._stack(train_files, self.color)
            test = self._stack(test_files, "gray" if train.shape[1] == 1 else "rgb")
            parts = (clips(train, train_labels, frames), clips(test, test_labels, frames))
            return Decoded.of(self.name, *parts, len(classes))

        options = (classes, self.size, self.color, *([frames] if frames > 1 else []))
        return cached(self.cache, self.name, root, train_files + test_files, options, decode)

    def _stack(self, files: list[Path], color: Color) -> np.ndarray:
        sources = ((file, str(file)) for file in files)
        return stack(sources, len(files), f"decoding {self.root}", color, self.size)
