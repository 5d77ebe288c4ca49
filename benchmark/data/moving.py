"""Clips made of still images: the image drifts, and a frame differs little from the one before."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from benchmark.data.decoded import Decoded, Part, clips
from benchmark.data.mnist5k import Mnist5k
from benchmark.data.resident import ResidentData
from benchmark.data.vision import Cifar10, Mnist
from benchmark.options import Count, CountOrZero, NotNegative
from benchmark.streams import stream

Frames = np.ndarray  # uint8 [n, T, C, H, W]
CHUNK = 4096


def drift(images: np.ndarray, frames: int, motion: float, generator: torch.Generator) -> Frames:
    """Each image goes on in a direction of its own, ``motion`` pixels a frame.

    Between pixels it is interpolated bilinearly; what enters at the border is its outermost pixel.

    Args:
        images: uint8 [n, C, H, W].
        frames: T. The image stands at its own place halfway between the first and the last.
        motion: pixels a frame; 0 for clips that stand still.
        generator: of the directions.

    Returns:
        uint8 [n, T, C, H, W].
    """
    angle = 2 * math.pi * torch.rand(len(images), generator=generator)
    direction = torch.stack([angle.cos(), angle.sin()])[..., None]
    out = np.empty((len(images), frames, *images.shape[1:]), np.uint8)
    for part in np.array_split(np.arange(len(images)), max(1, len(images) // CHUNK)):
        pixels = torch.from_numpy(images[part]).float()
        for t in range(frames):
            shift = (t - (frames - 1) / 2) * motion * direction[:, part]
            frame = moved(moved(pixels, shift[0], 2), shift[1], 3)
            out[part, t] = frame.round().byte().numpy()
    return out


def moved(pixels: Tensor, by: Tensor, dim: int) -> Tensor:
    """Images [n, C, H, W], each shifted along an axis by as many pixels as ``by`` [n, 1] says."""
    side = pixels.shape[dim]
    place = torch.arange(side) - by  # where a pixel comes from
    low = place.floor()
    weight = place - low
    shape = [-1, 1, side, 1] if dim == 2 else [-1, 1, 1, side]

    def at(index: Tensor) -> Tensor:
        index = index.long().clamp(0, side - 1).view(shape).expand_as(pixels)
        return pixels.gather(dim, index)

    return torch.lerp(at(low), at(low + 1), weight.view(shape))


class Moving(ResidentData):
    """A data set of still images, each as a clip that drifts. Its test images drift, too.

    Args:
        frames: of a clip. They are samples of their own: of mini-batches, sizes and accuracies.
        motion: pixels that an image moves from frame to frame.
        val_size: frames parted off for validation, in whole clips.
        options: see ``ResidentData``.
    """

    still: ClassVar[type[ResidentData]]

    def __init__(
        self,
        *,
        frames: Count = 2,
        motion: NotNegative = 0.25,
        val_size: CountOrZero = 1000,
        **options: Any,
    ) -> None:
        super().__init__(val_size=val_size, **options)
        self.frames, self.motion = frames, motion

    def decode(self) -> Decoded:
        images = self.still(root=self.root, cache=str(self.cache)).decode()
        return Decoded.of(
            self.name,
            self._moved(images.train, "train"),
            self._moved(images.test, "test"),
            classes=images.classes,
        )

    def _moved(self, part: Part, name: str) -> Part:
        moved = drift(part.images, self.frames, self.motion, stream(0, "drift", name))
        pixels, labels = moved.reshape(-1, *moved.shape[2:]), part.labels.repeat(self.frames)
        return clips(pixels, labels, self.frames)


class MovingMnist(Moving):
    """MNIST's digits, drifting."""

    name, still = "moving_mnist", Mnist


class MovingCifar10(Moving):
    """CIFAR-10's images, drifting."""

    name, still = "moving_cifar10", Cifar10


class MovingMnist5k(Moving):
    """The digits of mnist5k, drifting."""

    name, still = "moving_mnist5k", Mnist5k
