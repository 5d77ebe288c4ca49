"""Image files to arrays, with errors that name the file."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps
from torchvision.transforms.functional import center_crop, resize
from tqdm import tqdm

from benchmark.errors import UserError

Color = Literal["auto", "gray", "rgb"]
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")


def open_image(source: Path | bytes, where: str) -> Image.Image:
    """Decode an image file, given by its path or its content; ``where`` names it in messages.

    Pixels are turned as the file's EXIF orientation says.

    Raises:
        UserError: if it is no image, is damaged, or has more than 8 bits a channel.
    """
    if isinstance(source, Path) and not source.is_file():
        raise UserError(f"{where} is no file: mend or remove it")
    Image.init()  # else it knows some formats only
    try:
        image = Image.open(
            io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS
        )
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
    except Exception as error:  # decoders raise whatever they meet in a broken file
        raise UserError(f"{where} is not a readable image: mend or remove it") from error
    if image.mode not in EIGHT_BIT:
        raise UserError(f"{where} has pixels of type {image.mode}: convert it to 8 bits a channel")
    return image


def stack(
    sources: Iterable[tuple[Path | bytes, str]],
    count: int,
    title: str,
    color: Color,
    size: int | None = None,
) -> np.ndarray:
    """Decode images of one size, with a progress bar: uint8 [count, C, H, W].

    Args:
        sources: path or content of each image, and its name for messages.
        count: their number.
        title: of the progress bar.
        color: ``gray`` for C = 1, ``rgb`` for C = 3; ``auto`` is ``gray`` if the first image is.
        size: scale the shorter side to this many pixels and cut the square in the centre.

    Raises:
        UserError: for an unreadable image, one of another size, a colour image among grey ones, or
            other than ``count`` images, or more than the memory holds.
    """
    if count == 0:
        raise UserError(f"{title}: there are no images")
    out: np.ndarray = np.empty(0, np.uint8)
    i = -1
    for i, (source, where) in enumerate(tqdm(sources, title, count, mininterval=1, delay=2)):
        image = open_image(source, where)
        grey = image.mode in ("1", "L")
        if color == "auto":
            color = "gray" if grey else "rgb"
        if color == "gray" and not grey:
            raise UserError(f"{where} is a colour image among grey ones: set color to rgb")
        image = image.convert("L" if color == "gray" else "RGB")
        if size is not None:
            image = center_crop(resize(image, [size]), [size, size])
        pixels = np.asarray(image).reshape(image.height, image.width, -1).transpose(2, 0, 1)
        if i == 0:
            out = _room(count, pixels.shape, title)
        if pixels.shape != out.shape[1:]:
            raise UserError(
                f"{where} is {image.width} x {image.height} pixels but those before are "
                f"{out.shape[3]} x {out.shape[2]}: make all images one size"
            )
        if i < count:
            out[i] = pixels
    if i + 1 != count:
        raise UserError(f"{title}: there are {i + 1} images where {count} are announced")
    return out


def _room(count: int, shape: tuple[int, ...], title: str) -> np.ndarray:
    """An array for as many images, not filled yet."""
    try:
        return np.empty((count, *shape), np.uint8)
    except (MemoryError, ValueError) as error:
        raise UserError(
            f"{title}: {count} images of {shape} do not fit in memory: take fewer, or smaller ones"
        ) from error
