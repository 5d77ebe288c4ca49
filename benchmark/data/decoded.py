"""A decoded data set in memory, in an order and with a checksum that depend on its content only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmark.errors import UserError


@dataclass(frozen=True)
class Part:
    """Training or test samples: images uint8 [n, C, H, W], labels int64 [n]."""

    images: np.ndarray
    labels: np.ndarray

    def sorted(self) -> Part:
        """The same samples, sorted by their bytes, label last."""
        n = len(self.images)
        pixels = np.ascontiguousarray(self.images).reshape(n, -1)
        labels = self.labels.astype(">u4").view(np.uint8).reshape(n, -1)
        rows = np.hstack([pixels, labels])
        order = rows.view(f"V{rows.shape[1]}").ravel().argsort(kind="stable")
        return Part(self.images[order], self.labels[order])


def clips(images: np.ndarray, labels: np.ndarray, frames: int) -> Part:
    """Samples that are clips: the channels of ``frames`` images in a row make one image.

    Args:
        images: uint8 [n T, C, H, W], the frames of a clip one after the other.
        labels: their classes, int64 [n T].
        frames: T.
    """
    channels, *size = images.shape[1:]
    return Part(images.reshape(-1, frames * channels, *size), labels[::frames])


@dataclass(frozen=True)
class Decoded:
    """A data set, sorted: wherever the same samples come from, results and checksum are the same.

    Args:
        train, test: the samples; images of one shape.
        classes: number of classes.
    """

    train: Part
    test: Part
    classes: int

    @classmethod
    def of(cls, name: str, train: Part, test: Part, classes: int = 0) -> Decoded:
        """Check and sort the samples of a data set.

        Args:
            name: of the data set, for messages.
            classes: their number; 0 for that of the training labels, 0 to K - 1, which the test
                labels then have all, too.

        Raises:
            UserError: for no samples, a single class, labels out of range or images of different
                shapes.
        """
        for part, title in ((train, "training"), (test, "test")):
            if len(part.images) == 0:
                raise UserError(f"{name}: there are no {title} images")
            if len(part.images) != len(part.labels):
                raise UserError(
                    f"{name}: {len(part.images)} {title} images but {len(part.labels)} labels"
                )
            if part.images.size == 0:
                raise UserError(f"{name}: the {title} images have no pixels")
        found = np.unique(train.labels)
        told = classes or len(found)
        if not classes and not np.array_equal(found, np.arange(told)):
            raise UserError(
                f"{name}: the training labels are {told} numbers from {found[0]} to {found[-1]}: "
                "number the classes from 0, without gaps"
            )
        for part, title in ((train, "training"), (test, "test")):
            wrong = (part.labels < 0) | (part.labels >= told)
            if wrong.any():
                raise UserError(
                    f"{name}: {title} label {int(part.labels[wrong][0])} is out of "
                    f"range: labels are 0 to {told - 1}"
                )
        if told < 2:
            raise UserError(f"{name}: all training images are of one class: nothing to learn")
        if not classes and (missing := np.setdiff1d(np.arange(told), test.labels)).size:
            raise UserError(
                f"{name}: no test image is of class {missing[0]}: add one, or leave the class out"
            )
        if train.images.shape[1:] != test.images.shape[1:]:
            raise UserError(
                f"{name}: training images are {train.images.shape[1:]} but test images "
                f"are {test.images.shape[1:]} (channels, height, width)"
            )
        return cls(train.sorted(), test.sorted(), told)

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        """Every array, by name."""
        for title, part in (("train", self.train), ("test", self.test)):
            yield f"{title}_images", part.images
            yield f"{title}_labels", part.labels

    @cached_property
    def sha256(self) -> str:
        """Checksum of the number of classes and of every array."""
        digest = hashlib.sha256(str(self.classes).encode())
        for name, array in self.arrays():
            digest.update(f"{name} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
