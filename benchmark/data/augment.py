"""Augmentation and normalization of a whole chunk of resident images at once."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad as pad_zero
from torchvision.transforms.v2.functional import resize

Augmentation = Literal["none", "flip", "crop_flip", "jitter"]
Border = Literal["zero", "edge"]
Normalization = Literal["unit", "standard"]

MARGIN = {"flip": 0, "crop_flip": 4, "jitter": 2}  # pixels around the image to move within


class Normalizer(NamedTuple):
    """Pixels 0..255 to float32: ``(pixel - shift) / scale``, channel by channel.

    ``shift`` and ``scale`` are [C, 1, 1], or ``shift`` is None where nothing is subtracted.
    """

    shift: Tensor | None
    scale: Tensor

    @classmethod
    def unit(cls) -> Normalizer:
        """To [0, 1]."""
        return cls(None, torch.tensor(255.0))

    @classmethod
    def standard(cls, mean: Tensor, std: Tensor) -> Normalizer:
        """To zero mean and unit variance, given both for pixels in [0, 1], each [C].

        A channel that never varies is only shifted.
        """
        scale = torch.where(std > 0, 255 * std, 255.0)
        return cls((255 * mean).float().view(-1, 1, 1), scale.float().view(-1, 1, 1))

    def to(self, device: torch.device) -> Normalizer:
        return Normalizer(
            None if self.shift is None else self.shift.to(device), self.scale.to(device)
        )

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 [n, C, H, W] -> float32 [n, C, H, W]."""
        x = pixels.float()
        if self.shift is not None:
            x.sub_(self.shift)
        return x.div_(self.scale)


def channel_statistics(images: Tensor, chunk: int = 4096) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of uint8 [n, C, H, W], as float64 [C] in [0, 1].

    Sums of integers: exact, whatever the chunks.
    """
    total = torch.zeros(images.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for part in images.split(chunk):
        values = part.double()
        total += values.sum((0, 2, 3))
        squares += values.square_().sum((0, 2, 3))
    count = images.numel() // images.shape[1]
    mean = total / count
    return mean / 255, (squares / count - mean.square()).clamp_min(0).sqrt() / 255


def scaled(images: Tensor, side: int, chunk: int = 4096) -> Tensor:
    """uint8 [n, C, H, W] -> uint8 [n, C, side, side], by bilinear interpolation."""
    return torch.cat([resize(part, [side, side]) for part in images.split(chunk)])


class Mover(NamedTuple):
    """Random crops out of a margin around the image, and random horizontal flips.

    ``margin`` is the margin's width in pixels, 0 for flips alone; ``border`` what fills it.
    """

    margin: int
    border: Border
    flips: bool = True

    def grow(self, images: Tensor) -> Tensor:
        """Images with their margin: uint8 [n, C, H, W] -> [n, C, H + 2 margin, W + 2 margin]."""
        if self.margin == 0:
            return images
        if self.border == "zero":
            return pad_zero(images, (self.margin,) * 4)
        rows, columns = (
            torch.arange(-self.margin, side + self.margin).clamp(0, side - 1)
            for side in images.shape[2:]
        )
        return images[:, :, rows][..., columns]

    def shrink(self, grown: Tensor) -> Tensor:
        """The images inside their margins, as a view: the inverse of :meth:`grow`."""
        m, (height, width) = self.margin, grown.shape[2:]
        return grown[:, :, m : height - m, m : width - m]

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Top, left (0 .. 2 margin) and flip (0, 1) for each of n samples: int64 [n, 3]."""
        corner = torch.randint(2 * self.margin + 1, (n, 2), generator=generator)
        flip = torch.randint(1 + self.flips, (n, 1), generator=generator)
        return torch.cat([corner, flip], dim=1)

    def __call__(self, grown: Tensor, items: Tensor, moves: Tensor) -> Tensor:
        """The moved images ``items`` of ``grown``: uint8 [n, C, H, W]; rows first, then columns."""
        channels, tall, wide = grown.shape[1:]
        height, width = tall - 2 * self.margin, wide - 2 * self.margin
        top, left, flip = (m[:, None] for m in moves.unbind(1))
        plane = items[:, None] * channels + torch.arange(channels, device=items.device)
        row = top + torch.arange(height, device=items.device)
        rows = plane[:, :, None] * tall + row[:, None]
        picked = grown.view(-1, wide).index_select(0, rows.flatten())
        column = torch.arange(width, device=items.device)
        column = left + torch.where(flip == 1, column.flip(0), column)
        index = column[:, None].expand(-1, channels * height, -1)
        out = picked.view(len(items), channels * height, wide).gather(2, index)
        return out.view(len(items), channels, height, width)
