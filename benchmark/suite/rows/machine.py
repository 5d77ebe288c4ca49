"""Where a row runs: no part of what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from benchmark.errors import UserError


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
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: int = 1
    nodes: int = 1
    checkpoint_seconds: float = 10.0
    replay: bool = True

    def check(self) -> None:
        """Raise UserError for devices that are not there."""
        if self.devices < 1 or self.nodes < 1:
            raise UserError("devices and nodes must be at least 1")
        gpus = torch.cuda.device_count()
        if self.accelerator == "gpu" and gpus == 0:
            raise UserError("accelerator gpu: no GPU here; use accelerator=cpu")
        if self.uses_gpu and self.devices > gpus:
            raise UserError(f"devices={self.devices}: this machine has {gpus} GPU(s)")

    @property
    def uses_gpu(self) -> bool:
        return self.accelerator != "cpu" and torch.cuda.is_available()
