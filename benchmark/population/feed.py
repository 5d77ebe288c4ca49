"""The mini-batches of several runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from benchmark.data.loader import Batch, EpochLoader


class SideBySide(EpochLoader):
    """Chunks x ``[S, K b, ...]`` and y ``[S, K b]``: for each run what its own loader gives it.

    Args:
        loaders: one a run, over the same images, each in its own order.
    """

    def __init__(self, loaders: Sequence[EpochLoader]) -> None:
        first = loaders[0]
        super().__init__(first.schedule, first.steps_per_call, first.frames)
        self.loaders = loaders

    def chunks(self, epoch: int, start: int) -> Iterator[Batch]:
        for parts in zip(*(own.chunks(epoch, start) for own in self.loaders), strict=True):
            xs, ys = zip(*parts, strict=True)
            yield torch.stack(xs), torch.stack(ys)
