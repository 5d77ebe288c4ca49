"""Data sets that fit in memory: decoded once, moved to the device once, gathered by chunk."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from benchmark.data.augment import (
    MARGIN,
    Augmentation,
    Border,
    Mover,
    Normalization,
    Normalizer,
    channel_statistics,
    scaled,
)
from benchmark.data.base import DataModule, check_choice
from benchmark.data.decoded import Decoded, Part
from benchmark.data.loader import Batch, EvaluationLoader, ResidentLoader, unrolled
from benchmark.options import Count, CountOrZero


class ResidentData(DataModule):
    """A data set whose images stay on the training device as uint8.

    Args:
        batch_size, val_size, split_seed, normalize, augment, root: see ``DataModule``;
            ``crop_flip`` crops the image's size out of a margin of 4 pixels around it, ``jitter``
            out of 2 pixels and without flips.
        pad: what fills that margin: ``zero`` (black) or ``edge`` (the outermost pixels).
        resize: scale all images to this many pixels a side; ``standard`` takes the deviation from
            before.
        cache: folder for decoded copies of what is slow to decode; default ``root``/cache.
        steps_per_call: mini-batches handed out at once; a matter of speed alone.
    """

    def __init__(
        self,
        *,
        batch_size: Count = 64,
        val_size: CountOrZero = 0,
        split_seed: CountOrZero = 0,
        normalize: Normalization = "unit",
        augment: Augmentation = "none",
        root: str = "data",
        pad: Border = "zero",
        resize: Count | None = None,
        cache: str | None = None,
        steps_per_call: Count = 32,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            val_size=val_size,
            split_seed=split_seed,
            normalize=normalize,
            augment=augment,
            root=root,
        )
        check_choice("pad", pad, Border)
        self.cache = Path(root, "cache") if cache is None else Path(cache)
        self.resize, self.steps_per_call = resize, steps_per_call
        moved = augment != "none"
        self.mover = Mover(MARGIN[augment], pad, flips=augment != "jitter") if moved else None
        self._resident: dict[tuple[str, torch.device], tuple[Tensor, Tensor]] = {}

    @abstractmethod
    def decode(self) -> Decoded:
        """Read the whole data set into memory."""

    @cached_property
    def _decoded(self) -> Decoded:
        return self.decode()

    def prepare_data(self) -> None:
        _ = self._decoded  # one process of a machine downloads, decodes and fills the cache

    def setup(self, stage: str | None = None) -> None:
        data = self._decoded
        channels, height, width = data.train.images.shape[1:]
        self.shape = (channels // self.frames, self.resize or height, self.resize or width)
        self.classes = data.classes
        self.sha256 = data.sha256
        self.partition(torch.from_numpy(data.train.labels), len(data.test.labels))

    @cached_property
    def _normalizer(self) -> Normalizer:
        if self.normalize == "unit":
            return Normalizer.unit()
        images = torch.from_numpy(self._decoded.train.images)
        frames, _ = unrolled(images, torch.empty(0), self.frames)
        return Normalizer.standard(*channel_statistics(frames))

    def _on_device(self, name: str, part: Part, mover: Mover | None) -> tuple[Tensor, Tensor]:
        """Images, with the mover's margin, and labels of a part; moved at the first call."""
        key = (name, self.device)
        if key not in self._resident:
            images, labels = torch.from_numpy(part.images), torch.from_numpy(part.labels)
            images = scaled(images, self.resize) if self.resize else images
            images = mover.grow(images) if mover else images
            self._resident[key] = images.to(self.device), labels.to(self.device)
        return self._resident[key]

    def train_dataloader(self) -> ResidentLoader:
        images, labels = self._on_device("train", self._decoded.train, self.mover)
        return ResidentLoader(
            self.schedule(),
            self.steps_per_call,
            images,
            labels,
            self.train_items,
            self._normalizer,
            self.mover,
            self.frames,
        )

    def val_dataloader(self) -> Iterable[Batch]:
        if self.val_size == 0:
            return []
        images, labels = self._on_device("train", self._decoded.train, self.mover)
        images = self.mover.shrink(images) if self.mover else images
        return self._evaluation(images, labels, self.val_items)

    def test_dataloader(self) -> EvaluationLoader:
        images, labels = self._on_device("test", self._decoded.test, None)
        return self._evaluation(images, labels, torch.arange(len(labels)))

    def _evaluation(self, images: Tensor, labels: Tensor, items: Tensor) -> EvaluationLoader:
        share = (self.rank, self.world)
        return EvaluationLoader(images, labels, items, self._normalizer, *share, self.frames)
