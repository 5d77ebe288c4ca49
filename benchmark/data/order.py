"""Which sample a process meets in which step: pure functions of (seed, epoch)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.errors import UserError
from benchmark.streams import stream


@dataclass(frozen=True)
class Schedule:
    """The mini-batches of every epoch, and the share of one process in them.

    An epoch is a permutation of ``size`` samples cut into mini-batches of ``batch_size``; the
    ragged rest is dropped. Process ``rank`` of ``world`` takes the ``rank``-th of ``world`` equal
    slices of each mini-batch, so that all processes together see the mini-batches of a single one.
    """

    size: int
    batch_size: int
    seed: int
    rank: int = 0
    world: int = 1

    @property
    def steps(self) -> int:
        """Mini-batches an epoch."""
        return self.size // self.batch_size

    @property
    def local(self) -> int:
        """Samples of a mini-batch that this process takes."""
        return self.batch_size // self.world

    def positions(self) -> Tensor:
        """Places in the epoch's order that this process visits: int64 [steps, local]."""
        places = torch.arange(self.steps * self.batch_size)
        return places.view(self.steps, self.world, self.local)[:, self.rank]

    def order(self, epoch: int) -> Tensor:
        """The permutation of an epoch: int64 [size]."""
        return torch.randperm(self.size, generator=stream(self.seed, "order", epoch))


def split(labels: Tensor, held_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Part ``held_out`` samples off, every class in proportion.

    Args:
        labels: class of each sample, int64 [n].
        held_out: how many samples to part off.
        generator: decides which ones.

    Returns:
        Indices of the kept and of the held-out samples, each ascending.

    Raises:
        UserError: when nothing would be kept.
    """
    n = len(labels)
    if held_out >= n:
        raise UserError(f"val_size {held_out} leaves nothing of the {n} training samples")
    shuffled = torch.randperm(n, generator=generator)
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    chosen = torch.zeros(n, dtype=torch.bool)
    # Evenly spaced in the order by class: each class gives its share, to within one sample.
    chosen[by_class[(2 * torch.arange(held_out) + 1) * n // max(2 * held_out, 1)]] = True
    return (~chosen).nonzero().flatten(), chosen.nonzero().flatten()
