"""Weight mirroring of an input feedback F = B_1 .. B_L, one factor for each layer's weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mirror:
    """When and how a feedback projection learns the transpose of the forward weights.

    Attributes:
        before: noise batches before the first training step.
        every: steps between two mirroring phases during training; 0 for none.
        batches: noise batches of each phase during training.
        lr: learning rate of B.
        weight_decay: of B.
        noise: standard deviation of the noise.
    """

    before: int = 0
    every: int = 0
    batches: int = 1
    lr: float = 0.1
    weight_decay: float = 0.5
    noise: float = 0.1
