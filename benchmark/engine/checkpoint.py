"""Checkpoints within and between epochs, written atomically: a killed run goes on where it was.

A checkpoint is what ``torch.save`` writes, and behind it 64 hexadecimal digits: the SHA-256 of all
that. ``torch.load`` reads it as any other.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO, Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from benchmark.errors import UserError, unwritable

DIGITS = 64  # of the checksum
PARTS = {"run", "in_epoch", "state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks"}


class CheckpointFile(TorchCheckpointIO):
    """Writes a checkpoint where it is to be, and nowhere else: Lightning goes by way of $TMPDIR."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        with open(path, "wb") as file:
            summed = _Summed(file)
            try:
                torch.save(checkpoint, summed)  # type: ignore[arg-type]
            except RuntimeError as error:  # torch's own, at the end of a file that was cut short
                raise summed.failure or error from None
            file.write(summed.sha256.hexdigest().encode())
            file.flush()
            os.fsync(file.fileno())


class _Summed:
    """A file that is written from its begin to its end, and summed up on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.sha256 = file, hashlib.sha256()
        self.failure: OSError | None = None

    def write(self, part: bytes) -> int:
        self.sha256.update(part)
        try:
            return self.file.write(part)
        except OSError as error:
            self.failure = error
            raise

    def flush(self) -> None:
        self.file.flush()


def damaged(path: Path) -> UserError:
    return UserError(f"{path} is damaged or of another version: delete it to begin the run anew")


def to_resume(path: Path, run: str) -> Path | None:
    """The checkpoint to go on from, if there is one.

    Args:
        path: the file.
        run: the name that it was written under.

    Raises:
        UserError: for one that cannot be read, is not what was written, is of another version, or
            of another run.
    """
    if not path.exists():
        return None
    try:
        whole = _is_whole(path)
    except OSError as error:
        raise UserError(
            f"cannot read {path} ({error.strerror}): mend that, or delete it to begin the run anew"
        ) from error
    if not whole:
        raise damaged(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        complete = found.keys() >= PARTS and len(found["optimizer_states"]) == 1
    except Exception as error:  # whatever the bytes happen to say
        raise damaged(path) from error
    if not complete:
        raise damaged(path)
    if found["run"] != run:
        raise UserError(
            f"{path} is the checkpoint of another run, {found['run']}: move it back, or delete it "
            "to begin this run anew"
        )
    return path


def _is_whole(path: Path) -> bool:
    """Whether a file ends with the checksum of what precedes it."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size - DIGITS
        while left > 0 and (part := file.read(min(left, 2**20))):
            sha256.update(part)
            left -= len(part)
        return left == 0 and file.read() == sha256.hexdigest().encode()


class RunCheckpoint(Checkpoint):
    """Saves ``path`` between two chunks of mini-batches or two epochs, and at the last epoch's end.

    A SIGTERM (the end of a cluster allocation) saves and stops. All random draws are functions of
    (seed, epoch, step), so no random state needs saving: a resumed run repeats an uninterrupted one
    bit for bit.

    Args:
        path: the file.
        run: its name, by which another run's checkpoint is told apart.
        every: least seconds between two checkpoints, more where saving takes over 1 % of the time;
            0 saves whenever it can.
    """

    agree_every = 16  # chunks, in several processes: to agree they wait for one another

    def __init__(self, path: Path, run: str, every: float = 10.0) -> None:
        self.path, self.run, self.every = path, run, every
        self._due = time.monotonic() + every
        self._terminate = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take SIGTERM over from Lightning, which would exit with 0 and nothing saved where there
        are several processes, and which gives it back after training."""

        def flag(*_: Any) -> None:
            self._terminate = True

        signal.signal(signal.SIGTERM, flag)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["run"] = self.run

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
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise unwritable(self.path, error) from error
        trainer.strategy.barrier()  # nobody ends, and thereby all, before it is in place
        end = time.monotonic()
        self._due = end + (max(self.every, 100 * (end - start)) if self.every else 0)
