"""Checkpoints at epoch ends, written atomically, so that a killed run goes on where it stood."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from benchmark.errors import UserError


class EpochCheckpoint(Checkpoint):
    """Saves ``path`` at the end of an epoch when ``every`` seconds have passed, and at the last.

    A SIGTERM (the end of a cluster allocation) makes the next epoch end save and stop. All random
    draws are functions of (seed, epoch, step), so no random state needs saving: a resumed run
    repeats an uninterrupted one bit for bit.
    """

    def __init__(self, path: Path, every: float = 10.0) -> None:
        self.path, self.every = path, every
        self._last = time.monotonic()
        self._terminate = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        def flag(*_: Any) -> None:
            self._terminate = True

        signal.signal(signal.SIGTERM, flag)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        last = trainer.current_epoch + 1 == trainer.max_epochs or trainer.should_stop
        due = time.monotonic() - self._last >= self.every
        strategy = trainer.strategy
        stop = not strategy.reduce_boolean_decision(not self._terminate)
        if last or stop or not strategy.reduce_boolean_decision(not due):
            self._save(trainer)
        if stop:
            raise SystemExit(128 + signal.SIGTERM)

    def _save(self, trainer: Trainer) -> None:
        partial = self.path.with_suffix(".partial")
        try:
            trainer.save_checkpoint(partial)  # writes on rank 0, waits on the others
            if trainer.is_global_zero:
                os.replace(partial, self.path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            partial.unlink(missing_ok=True)
            reason = str(error).splitlines()[0]
            raise UserError(
                f"cannot write {self.path} ({reason}): free space, then go on"
            ) from error
        self._last = time.monotonic()
