"""Image data sets as the Hugging Face hub exports them: train-*.parquet and test-*.parquet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.data.base import check_choice
from benchmark.data.cache import cached
from benchmark.data.decoded import Decoded, Part
from benchmark.data.folder import TESTS, finished
from benchmark.data.images import Color, stack
from benchmark.data.resident import ResidentData
from benchmark.errors import UserError

PLACES = ("data", "default")  # below a folder, in which the hub keeps an export's files
MOST_FILES = 100_000
NUMBERED = r"(?:.*?-)?(\d{1,9})(?:-of-(\d{1,9}))?\.parquet"
LABELS = ("label", "labels", "fine_label", "target")  # where there are several integer columns


def shards(folder: Path, part: str) -> list[Path]:
    """The files of a part in a folder or in its ``data`` or ``default``, in order; none if none.

    They are called train-*.parquet, or *.parquet in a folder ``train``.

    Raises:
        UserError: one of several is missing, or is no file, or a download is not finished.
    """
    for place in (folder, *(folder / name for name in PLACES)):
        inside = place / part
        for home, pattern in ((place, f"{part}-*.parquet"), (inside, "*.parquet")):
            if found := sorted(home.glob(pattern)):
                finished((path.name for path in home.iterdir()), home)
                _check_whole(found)
                return found
    return []


def tests(folder: Path) -> list[Path]:
    """The files of the test part, which the hub also calls validation."""
    return next((found for part in TESTS if (found := shards(folder, part))), [])


def _check_whole(files: list[Path]) -> None:
    """Raise UserError unless all files are there that their numbers tell of."""
    for file in files:
        if not file.is_file():
            raise UserError(f"{file} is no file: fetch it again")
    numbered = [found for file in files if (found := re.fullmatch(NUMBERED, file.name))]
    have = {int(found[1]) for found in numbered}
    totals = {int(found[2]) for found in numbered if found[2]}
    if len(totals) > 1 or (totals and len(have) < len(numbered)):
        raise UserError(f"{files[0].parent} has files of several exports: keep those of one")
    if have:
        whole = set(range(min([*totals, MOST_FILES]))) if totals else _from(min(have), max(have))
        if missing := whole - have:
            raise UserError(
                f"{files[0].parent} lacks number {min(missing)} of the {len(whole)} files like "
                f"{files[0].name}: fetch it"
            )


def _from(first: int, last: int) -> set[int]:
    return set(range(first, min(last, first + MOST_FILES) + 1))


def read_export(
    folder: Path,
    cache: Path,
    name: str,
    *,
    classes: int = 0,
    image_column: str | None = None,
    label_column: str | None = None,
    color: Color = "auto",
) -> Decoded:
    """Decode the training and test files of an export, or take them from the cache.

    Args:
        folder: where the files are.
        cache: folder for the decoded copy.
        name: of the data set, for messages and the cache.
        classes: their number; 0 for that of the training labels.
        image_column, label_column: names; None to find them by their types.
        color: of the decoded images.

    Raises:
        UserError: for missing or damaged files, unclear columns, or images that cannot be used.
    """
    files = {"train": shards(folder, "train"), "test": tests(folder)}
    for part, found in files.items():
        if not found:
            raise UserError(f"there is no {part}-*.parquet in {folder}: export the data set there")

    def decode() -> Decoded:
        train = _read(files["train"], image_column, label_column, color)
        like: Color = "gray" if train.images.shape[1] == 1 else "rgb"
        test = _read(files["test"], image_column, label_column, like)
        return Decoded.of(name, train, test, classes)

    options = (classes, image_column, label_column, color)
    return cached(cache, name, folder, files["train"] + files["test"], options, decode)


def _read(
    files: list[Path], image_column: str | None, label_column: str | None, color: Color
) -> Part:
    """Decode the files of one part."""
    tables = [_open(file) for file in files]
    labels: list[np.ndarray] = []

    def images() -> Iterator[tuple[bytes, str]]:
        for path, table in zip(files, tables, strict=True):
            image = _column(path, table.schema_arrow, image_column, "image", _is_image)
            label = _column(path, table.schema_arrow, label_column, "label", pa.types.is_integer)
            row = 0
            for batch in _batches(path, table, [image, label]):
                if batch[label].null_count:
                    raise UserError(f"{path} has rows without a label in column {label}")
                labels.append(batch[label].to_numpy())
                for content in _contents(batch[image]):
                    where = f"row {row} of {path}"
                    if content is None:
                        raise UserError(f"{where} holds no image in column {image}")
                    yield content, where
                    row += 1

    count = sum(table.metadata.num_rows for table in tables)
    pixels = stack(images(), count, f"decoding {files[0].parent}", color)
    return Part(pixels, np.concatenate(labels, dtype=np.int64))


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path} is truncated or no parquet file: fetch it again") from error


def _batches(path: Path, table: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    try:
        yield from table.iter_batches(batch_size=1024, columns=columns)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path} is damaged: fetch it again") from error


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return (
            place >= 0 and not pa.types.is_struct(kind[place].type) and _is_image(kind[place].type)
        )
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _contents(column: pa.Array) -> list[bytes | None]:
    """The image files in a column: struct {bytes, path}, or binary."""
    if pa.types.is_struct(column.type):
        column = column.flatten()[column.type.get_field_index("bytes")]
    return column.to_pylist()


def _column(path: Path, schema: pa.Schema, name: str | None, role: str, fits: Any) -> str:
    """The column ``name``, or the only one that fits, or the one with a usual name."""
    if name is not None:
        if name not in schema.names:
            raise UserError(f"{path} has no {role} column {name}: it has {', '.join(schema.names)}")
        if not fits(kind := schema.field(name).type):
            raise UserError(f"{path}: column {name} holds {kind}, which is no {role}: see --help")
        return name
    fitting = [field.name for field in schema if fits(field.type)]
    usual = [known for known in LABELS if known in fitting]
    if len(fitting) == 1 or usual:
        return (usual or fitting)[0]
    if not fitting:
        columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
        what = "whole numbers from 0" if role == "label" else "image files"
        raise UserError(f"{path} has no column of {what} for the {role}: it has {columns}")
    raise UserError(
        f"{path} has {len(fitting)} columns that may be the {role}: set {role}_column to one of "
        f"{', '.join(fitting)}"
    )


class Parquet(ResidentData):
    """Any image data set in the folder ``root``, as the Hugging Face hub exports it.

    Files are train-*.parquet and test-*.parquet, or train/*.parquet and test/*.parquet, there or in
    ``data`` or ``default``. Without a ``test`` the test images are those of ``val``, ``valid`` or
    ``validation``. The images must be of one size; the labels are integers from 0, without gaps.

    Args:
        image_column: its name; by default the only column with images.
        label_column: its name; by default the only integer column, or the usual name.
        color: ``gray``, ``rgb``, or ``auto`` for that of the first image.
        options: see ``ResidentData``.
    """

    name = "parquet"

    def __init__(
        self,
        *,
        image_column: str | None = None,
        label_column: str | None = None,
        color: Color = "auto",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_choice("color", color, Color)
        self.image_column, self.label_column, self.color = image_column, label_column, color

    def decode(self) -> Decoded:
        return read_export(
            Path(self.root),
            self.cache,
            self.name,
            image_column=self.image_column,
            label_column=self.label_column,
            color=self.color,
        )
