"""Image data sets as the Hugging Face hub exports them: train-*.parquet and test-*.parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.data.base import check_choice
from benchmark.data.cache import cached
from benchmark.data.decoded import Decoded, Part
from benchmark.data.images import Color, stack
from benchmark.data.resident import ResidentData
from benchmark.errors import UserError

LABELS = ("label", "labels", "fine_label", "target")  # where there are several integer columns


def shards(folder: Path, part: str) -> list[Path]:
    """The files of a part (``train`` or ``test``), in order; none if there are none."""
    return sorted(folder.glob(f"{part}-*.parquet"))


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
    """Decode train-*.parquet and test-*.parquet in a folder, or take them from the cache.

    Args:
        folder: where the files are.
        cache: folder for the decoded copy.
        name: of the data set, for messages and the cache.
        classes: their number; 0 for one more than the largest training label.
        image_column, label_column: names; None to find them by their types.
        color: of the decoded images.

    Raises:
        UserError: for missing or damaged files, unclear columns, or images that cannot be used.
    """
    files = {part: shards(folder, part) for part in ("train", "test")}
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
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} is truncated or no parquet file: fetch it again") from error


def _batches(path: Path, table: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    try:
        yield from table.iter_batches(batch_size=1024, columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} is damaged: fetch it again") from error


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _contents(column: pa.Array) -> list[bytes | None]:
    """The image files in a column: struct {bytes, path}, or binary."""
    if pa.types.is_struct(column.type):
        column = column.flatten()[column.type.get_field_index("bytes")]
    return column.to_pylist()


def _column(path: Path, schema: pa.Schema, name: str | None, role: str, fits: Any) -> str:
    """The column ``name``, or the only one that fits, or the one with a usual name."""
    if name is not None:
        if name not in schema.names or not fits(schema.field(name).type):
            raise UserError(f"{path} has no {role} column {name}: it has {', '.join(schema.names)}")
        return name
    fitting = [field.name for field in schema if fits(field.type)]
    usual = [known for known in LABELS if known in fitting]
    if len(fitting) == 1 or usual:
        return (usual or fitting)[0]
    raise UserError(
        f"{path} has {len(fitting)} columns that may be the {role}: set {role}_column to one of "
        f"{', '.join(fitting or schema.names)}"
    )


class Parquet(ResidentData):
    """Any image data set in the folder ``root``, as the Hugging Face hub exports it.

    The images must be of one size; the labels are integers from 0.

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
