"""Where a row runs: no part of what it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import torch

from benchmark.errors import UserError
from benchmark.options import Count, NotNegative, check


@dataclass(frozen=True)
class Machine:
    """Where a row runs; nothing here changes what is computed, beyond rounding.

    Attributes:
        accelerator: auto takes a GPU if there is one.
        devices: processes on this node, one GPU or one CPU share each.
        nodes: number of nodes.
        checkpoint_seconds: least time between two checkpoints; longer where saving takes over 1 %.
        replay: repeat a recorded step without autograd, where steps are the same and one process
            runs; faster, to the same weights.
        population: so many seeds of a row are trained together by one process, of the rules that
            can; see ``benchmark.population``.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Count = 1
    nodes: Count = 1
    checkpoint_seconds: NotNegative = 10.0
    replay: bool = True
    population: Count = 1

    def check(self) -> None:
        """Raise UserError for a number out of its range, or devices that are not there."""
        check(Machine, asdict(self), "machine.")
        if self.population > 1 and self.devices * self.nodes > 1:
            raise UserError(
                f"machine.population is {self.population}: seeds train together in one process, "
                "leave machine.devices and machine.nodes at 1"
            )
        gpus = torch.cuda.device_count()
        if self.accelerator == "gpu" and gpus == 0:
            raise UserError("accelerator gpu: no GPU here; use accelerator=cpu")
        if self.uses_gpu and self.devices > gpus:
            raise UserError(f"devices={self.devices}: this machine has {gpus} GPU(s)")

    @property
    def uses_gpu(self) -> bool:
        return self.accelerator != "cpu" and torch.cuda.is_available()
