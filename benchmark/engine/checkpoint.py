"""Checkpoints within and between epochs, written atomically: a killed run goes on where it was."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from benchmark.errors import UserError

PARTS = {"in_epoch", "state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks"}


class CheckpointFile(TorchCheckpointIO):
    """Writes a checkpoint where it is to be, and nowhere else: Lightning goes by way of $TMPDIR."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        torch.save(checkpoint, path)
        with open(path, "rb") as file:
            os.fsync(file.fileno())


def damaged(path: Path) -> UserError:
    return UserError(f"{path} is damaged or of another version: delete it to begin the run anew")


def to_resume(path: Path) -> Path | None:
    """The checkpoint to go on from, if there is one.

    Torch writes a checksum beside every part of a checkpoint, but does not look at it.

    Raises:
        UserError: for a damaged one, or one of another version.
    """
    if not path.exists():
        return None
    try:
        with ZipFile(path) as parts:
            whole = parts.testzip() is None
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        whole &= found.keys() >= PARTS and len(found["optimizer_states"]) == 1
    except Exception as error:  # whatever the bytes happen to say
        raise damaged(path) from error
    if not whole:
        raise damaged(path)
    return path


class RunCheckpoint(Checkpoint):
    """Saves ``path`` between two chunks of mini-batches or two epochs, and at the last epoch's end.

    A SIGTERM (the end of a cluster allocation) saves and stops. All random draws are functions of
    (seed, epoch, step), so no random state needs saving: a resumed run repeats an uninterrupted one
    bit for bit.

    Args:
        path: the file.
        every: least seconds between two checkpoints, more where saving takes over 1 % of the time;
            0 saves whenever it can.
    """

    agree_every = 16  # chunks, in several processes: to agree they wait for one another

    def __init__(self, path: Path, every: float = 10.0) -> None:
        self.path, self.every = path, every
        self._due = time.monotonic() + every
        self._terminate = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take SIGTERM over from Lightning, which would exit with 0 and nothing saved where there
        are several processes, and which gives it back after training."""

        def flag(*_: Any) -> None:
            self._terminate = True

        signal.signal(signal.SIGTERM, flag)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, out: Any, batch: Any, i: int
    ) -> None:
        agree = trainer.world_size == 1 or i % self.agree_every == 0
        if agree and not (trainer.is_last_batch or trainer.should_stop):
            self._save_if_due(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        last = trainer.current_epoch + 1 == trainer.max_epochs or trainer.should_stop
        self._save_if_due(trainer, last)

    def _save_if_due(self, trainer: Trainer, last: bool = False) -> None:
        def any_process(flag: bool) -> bool:
            return not trainer.strategy.reduce_boolean_decision(not flag)

        stop = any_process(self._terminate)
        if last or stop or any_process(time.monotonic() >= self._due):
            self._save(trainer)
        if stop:
            if trainer.is_global_zero:
                print("\nstopped; the same command goes on from here", file=sys.stderr)
            raise SystemExit(128 + signal.SIGTERM)

    def _save(self, trainer: Trainer) -> None:
        start, partial = time.monotonic(), self.path.with_suffix(".partial")
        try:
            trainer.save_checkpoint(partial)  # rank 0 writes, the others wait
            if trainer.is_global_zero:
                os.replace(partial, self.path)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            partial.unlink(missing_ok=True)
            reason = str(error).splitlines()[0]
            raise UserError(
                f"cannot write {self.path} ({reason}): free space, then go on"
            ) from error
        trainer.strategy.barrier()  # nobody ends, and thereby all, before it is in place
        end = time.monotonic()
        self._due = end + (max(self.every, 100 * (end - start)) if self.every else 0)
