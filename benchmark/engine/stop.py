"""Ending a run before its last epoch, by a rule that looks at the training set alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

from benchmark.engine.recorder import Recorder
from benchmark.options import Share, options


@options
class Stop:
    """End a run with the epoch in which its running training error is down at a floor.

        m <- memory m + (1 - memory) err,   m = 1 at first;   end when m <= train_error

    err is the fraction of an epoch's training samples that were wrong as they were trained on. This
    is how Nøkland's code (2016) ends its runs.

    Attributes:
        train_error: the floor, a fraction.
        memory: weight of the past epochs.
    """

    train_error: Share
    memory: Share = 0.75

    def is_due(self, train_accs: Iterable[float]) -> bool:
        """Whether a run ends that had these training accuracies, in percent, epoch by epoch."""
        m = 1.0
        for acc in train_accs:
            m = self.memory * m + (1 - self.memory) * (1 - acc / 100)
        return m <= self.train_error


class EarlyStop(Callback):
    """Ends a run by its rule.

    The rule reads the recorder's curve, which is the same on all processes and comes back with a
    checkpoint: a resumed run ends where an undisturbed one does, at once if it had ended already.

    Args:
        stop: the rule, or None for runs that take all their epochs.
        recorder: of the run; it must come before this callback.
    """

    def __init__(self, stop: Stop | None, recorder: Recorder) -> None:
        self.stop, self.recorder = stop, recorder

    @property
    def is_due(self) -> bool:
        """Whether the run ends here."""
        accs = (point["train_acc"] for point in self.recorder.curve)
        return self.stop is not None and self.stop.is_due(accs)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        trainer.should_stop |= self.is_due

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        trainer.should_stop |= self.is_due
