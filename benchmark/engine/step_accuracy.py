"""What a network that looks for several steps knows at each of them, and when it may stop."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

CONFIDENT = (0.5, 0.7, 0.9, 0.99)


class StepAccuracy(Metric):
    """Accuracy at every step, and of a network that answers once it is confident.

    With a threshold, a sample is answered at the first step whose largest class probability
    reaches it, else at the last (Spoerer et al. 2020). Counts are summed over all processes.
    """

    full_state_update = False
    seen: Tensor
    right: Tensor
    early: Tensor
    taken: Tensor

    def __init__(self, steps: int) -> None:
        super().__init__()
        whole = lambda *n: torch.zeros(n, dtype=torch.long)  # noqa: E731
        self.add_state("seen", whole(), dist_reduce_fx="sum")
        self.add_state("right", whole(steps), dist_reduce_fx="sum")
        self.add_state("early", whole(len(CONFIDENT)), dist_reduce_fx="sum")
        self.add_state("taken", whole(len(CONFIDENT)), dist_reduce_fx="sum")

    def update(self, scores: Tensor, y: Tensor) -> None:
        """Scores of every step, ``[N, T, classes]``, and labels, ``[N]``."""
        right = scores.argmax(-1) == y[:, None]
        sure = scores.float().softmax(-1).amax(-1)
        self.seen += len(y)
        self.right += right.sum(0)
        for k, threshold in enumerate(CONFIDENT):
            reached = sure >= threshold
            reached[:, -1] = True
            first = reached.int().argmax(1)
            self.early[k] += right.gather(1, first[:, None]).sum()
            self.taken[k] += (first + 1).sum()

    def compute(self) -> dict[str, float]:
        """``acc_step<t>`` in percent; at confidence c ``acc_conf<c>`` and ``steps_conf<c>``."""
        percent = {f"acc_step{t}": 100 * r for t, r in enumerate(self.right / self.seen, 1)}
        for k, c in enumerate(CONFIDENT):
            percent[f"acc_conf{100 * c:.0f}"] = 100 * self.early[k] / self.seen
            percent[f"steps_conf{100 * c:.0f}"] = self.taken[k] / self.seen
        return {name: float(value) for name, value in percent.items()}
