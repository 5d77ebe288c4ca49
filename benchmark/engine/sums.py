"""Sums over the mini-batches of an epoch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmark.credit.losses import Loss, task_loss


class EpochSums:
    """Training loss, correct answers and samples of this process's epoch so far, on its device.

    Args:
        loss: the task loss.
    """

    def __init__(self, loss: Loss) -> None:
        self.loss: Loss = loss
        self.values = torch.zeros(3)

    def restart(self, device: torch.device) -> None:
        self.values = torch.zeros(3, device=device, dtype=torch.float64)

    def count(self, logits: Tensor, y: Tensor) -> None:
        """Add the answers ``logits`` ``[N, classes]`` to samples with labels ``y`` ``[N]``."""
        self.values[0] += task_loss(logits, y, self.loss) * len(y)
        self.values[1] += (logits.argmax(-1) == y).sum()
        self.values[2] += len(y)

    @property
    def finite(self) -> bool:
        """Whether the loss is a number; waits for the device."""
        return bool(torch.isfinite(self.values[0]))

    def over_all(self, strategy: Any) -> dict[str, float]:
        """Mean loss and accuracy (percent), over all processes of a Lightning strategy."""
        loss, correct, n = strategy.reduce(self.values.clone(), reduce_op="sum").tolist()
        return {"loss": loss / n, "acc": 100 * correct / n}
