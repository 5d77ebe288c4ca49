"""Layers that learn together, or one after the other."""

from __future__ import annotations

from typing import Any, Literal

from benchmark.errors import UserError

Layers = Literal["together", "greedy"]


class Turns:
    """Which layers learn in an epoch: all, or if ``greedy`` each for its share of the epochs.

    Args:
        layers: together or greedy.
        n: number of layers.
    """

    def __init__(self, layers: Layers, n: int) -> None:
        self.greedy, self.n = layers == "greedy", n

    def check(self, epochs: int) -> None:
        """Raise UserError if there are fewer epochs than layers."""
        if self.greedy and 0 < epochs < self.n:
            raise UserError(
                f"{self.n} layers learn one after the other: {epochs} epochs are too few, choose "
                f"--epochs of at least {self.n}, or layers=together"
            )

    def has(self, k: int, learner: Any) -> bool:
        """Whether layer ``k`` of ``learner`` learns now. Raises UserError without a Trainer."""
        if not self.greedy:
            return True
        if learner._trainer is None:
            raise UserError("layers=greedy needs a Trainer, whose epochs the layers share")
        return k == learner.current_epoch * self.n // (learner.trainer.max_epochs or 1)
