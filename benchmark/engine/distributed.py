"""Data-parallel training for hand-made updates.

Lightning's DDP averages only gradients that pass through its own reducer; updates made by hand, or
by several backward passes, would train apart on every process without an error. This strategy does
not wrap the module; the base class of all algorithms averages the gradients, in one flat buffer,
right before each optimizer step, where no algorithm can forget it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn

from benchmark.errors import UserError


class LocalDDP(DDPStrategy):
    """DDP's processes without its wrapper: rank 0's state goes to all at the start, no more."""

    def configure_ddp(self) -> None:
        module = self.lightning_module
        assert module is not None
        for tensor in (*module.parameters(), *module.buffers()):
            dist.broadcast(tensor.data, src=0)


def average_(tensors: list[Tensor]) -> None:
    """Average tensors over all processes, in place, in one collective per dtype."""
    for dtype in {t.dtype for t in tensors}:
        same = [t for t in tensors if t.dtype == dtype]
        flat = torch.cat([t.reshape(-1) for t in same])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        for t, mean in zip(same, flat.split([t.numel() for t in same]), strict=True):
            t.copy_(mean.view_as(t))


def average_float_buffers_(module: nn.Module) -> None:
    """Give all processes the mean of their floating-point buffers (batch-norm statistics)."""
    average_([b for b in module.buffers() if b.is_floating_point()])


def joined(rows: Tensor) -> Tensor:
    """The rows ``[N, ...]`` of all processes, as many from each, in the order of their ranks."""
    if not dist.is_initialized():
        return rows
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def share(n: int) -> slice:
    """Which of ``n`` things this process does: even parts, in the order of the ranks."""
    if not dist.is_initialized():
        return slice(0, n)
    rank, world = dist.get_rank(), dist.get_world_size()
    return slice(rank * n // world, (rank + 1) * n // world)


def sum_(t: Tensor) -> Tensor:
    """``t`` summed over all processes, in place."""
    if dist.is_initialized():
        dist.all_reduce(t)
    return t


def mean_(t: Tensor) -> Tensor:
    """``t`` averaged over all processes, in place."""
    return sum_(t).div_(dist.get_world_size()) if dist.is_initialized() else t


def gather(value: Any) -> list[Any]:
    """Every process's value, in the order of their ranks; tensors must lie on the CPU."""
    if not dist.is_initialized():
        return [value]
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def own_values(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """This process's values, on the CPU, of the tensors whose sums differ between processes."""
    if not dist.is_initialized():
        return {}
    sums = {name: t.double().sum().item() for name, t in tensors.items()}
    everyone = gather(sums)
    apart = [name for name in sums if any(other[name] != sums[name] for other in everyone)]
    return {name: tensors[name].cpu() for name in apart}


def assert_replicas_equal(module: nn.Module) -> None:
    """Raise RuntimeError unless every process holds the same parameters, bit for bit."""
    own = torch.stack([p.detach().double().sum() for p in module.parameters()])
    first = own.clone()
    dist.broadcast(first, src=0)
    apart = torch.tensor(float(not torch.equal(own, first)), device=own.device)
    dist.all_reduce(apart)
    if apart.item():
        raise RuntimeError("the processes trained apart: their parameters differ")


@contextmanager
def together() -> Iterator[None]:
    """The death of another process, which ends all collectives, is one line.

    Raises:
        UserError: in its place.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "/gloo/" in str(error):
            raise UserError(
                "another process of this run has died; the same command goes on from the last "
                "checkpoint"
            ) from error
        raise
