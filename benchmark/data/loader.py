"""Loaders that yield whole chunks of mini-batches, and the loaders of resident data."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from benchmark.data.augment import Mover, Normalizer
from benchmark.data.order import Schedule
from benchmark.streams import stream

Batch = tuple[Tensor, Tensor]


class EpochLoader(ABC):
    """The training loader of one process: chunks of up to ``steps_per_call`` mini-batches.

    Lightning announces each epoch through ``loader.sampler.set_epoch``, after it has called
    ``iter(loader)``: the order is therefore drawn at the first batch. ``state_dict`` remembers the
    place in the epoch, so that a run resumed in mid-epoch goes on with the next chunk.
    """

    def __init__(self, schedule: Schedule, steps_per_call: int, frames: int = 1) -> None:
        self.schedule, self.frames = schedule, frames
        self.steps_per_call = min(steps_per_call, max(schedule.steps, 1))
        self.epoch = 0
        self._done = 0  # chunks of this epoch that were handed out
        self._resume: dict[str, int] = {}

    @abstractmethod
    def chunks(self, epoch: int, start: int) -> Iterator[Batch]:
        """The chunks of an epoch from number ``start`` on: x [K b, C, H, W], y [K b]."""

    @property
    def local_batch_size(self) -> int:
        """Samples of a mini-batch that this process gets: chunks are split into such."""
        return self.schedule.local * self.frames

    @property
    def sampler(self) -> EpochLoader:
        return self

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        """Chunks an epoch."""
        return math.ceil(self.schedule.steps / self.steps_per_call)

    def __iter__(self) -> Iterator[Batch]:
        start = self._resume.get("done", 0) if self._resume.get("epoch") == self.epoch else 0
        self._resume = {}
        self._done = start
        for batch in self.chunks(self.epoch, start):
            self._done += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "done": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._resume = dict(state)


def unrolled(clips: Tensor, labels: Tensor, frames: int) -> Batch:
    """Frames for clips: x [n, T C, H, W] -> [n T, C, H, W] and y [n] -> [n T], clip after clip."""
    n, channels, *size = clips.shape
    return clips.view(n * frames, channels // frames, *size), labels.repeat_interleave(frames)


class ResidentLoader(EpochLoader):
    """Training chunks gathered out of images that stay on one device.

    Args:
        images: uint8 [N, C, H', W'], with the mover's margin; the device everything happens on. A
            clip is one image, its frames' channels one after the other.
        labels: int64 [N], on the same device.
        items: the training samples among the N, int64 [schedule.size].
        mover: the augmentation, or None.
    """

    def __init__(
        self,
        schedule: Schedule,
        steps_per_call: int,
        images: Tensor,
        labels: Tensor,
        items: Tensor,
        normalizer: Normalizer,
        mover: Mover | None,
        frames: int = 1,
    ) -> None:
        super().__init__(schedule, steps_per_call, frames)
        self.images, self.labels, self.items = images, labels, items
        self.normalizer, self.mover = normalizer.to(images.device), mover

    def chunks(self, epoch: int, start: int) -> Iterator[Batch]:
        plan, device, mover = self.schedule, self.images.device, self.mover
        if start >= len(self):
            return
        positions = plan.positions()[start * self.steps_per_call :].flatten()
        items = self.items[plan.order(epoch)[positions]].to(device)
        moves = torch.empty(len(items), 0)
        if mover:
            draws = mover.draw(plan.size, stream(plan.seed, "augment", epoch))
            moves = draws[positions].to(device)
        chunk = self.steps_per_call * plan.local
        for part, move in zip(items.split(chunk), moves.split(chunk), strict=True):
            images = self.images
            pixels = mover(images, part, move) if mover else images.index_select(0, part)
            x, y = unrolled(pixels, self.labels.index_select(0, part), self.frames)
            yield self.normalizer(x), y


class EvaluationLoader:
    """Every ``world``-th of the samples ``items``, once, unpadded and in order.

    Yields x float32 [n, C, H, W] and y int64 [n] with n = ``batch`` (clips), or less at the end.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        items: Tensor,
        normalizer: Normalizer,
        rank: int,
        world: int,
        frames: int = 1,
        batch: int = 1000,
    ) -> None:
        self.images, self.labels, self.frames = images, labels, frames
        self.batches = [b for b in items[rank::world].to(images.device).split(batch) if len(b)]
        self.normalizer = normalizer.to(images.device)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for part in self.batches:
            clips = self.images.index_select(0, part)
            x, y = unrolled(clips, self.labels.index_select(0, part), self.frames)
            yield self.normalizer(x), y
