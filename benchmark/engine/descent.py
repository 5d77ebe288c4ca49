"""From a scalar to a step."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.engine.distributed import average_


class Descent:
    """One step down a scalar: backward, average over the processes, clip, step.

    The torch optimizer is stepped directly: Lightning's wrapper costs as much as a small layer.

    Args:
        optimizer: of all trainable parameters.
        clip: largest norm of the whole gradient; None for any.
        world: number of processes.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, clip: float | None = None, world: int = 1
    ) -> None:
        self.optimizer, self.clip, self.world = optimizer, clip, world
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]

    def __call__(self, objective: Tensor) -> None:
        for p in self.parameters:
            p.grad = None
        objective.backward()
        if self.world > 1:
            average_([p.grad for p in self.parameters if p.grad is not None])
        if self.clip is not None:
            self.clip_()
        self.optimizer.step()

    def clip_(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)  # type: ignore[arg-type]
