"""What a run leaves behind while it trains: curve, best weights, TensorBoard, progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm

from benchmark.engine.energy import EnergyMeter, counters
from benchmark.engine.memory import peak_memory_mb
from benchmark.engine.pulse import Pulse


class Recorder(Callback):
    """Collects one point of the learning curve per epoch and keeps the best validated weights.

    Attributes:
        curve: one dict per epoch: epoch (from 1), train_acc, train_loss, val_acc, val_loss
            (accuracies in percent), seconds (training time so far, without validation).
        best: state dict of the epoch with the best validation accuracy (the first of equals).
        training: whether training has begun.
        peak_memory_mb: peak memory of training and validation.
        joules: used by the machine while it trained; None where it does not tell.
        pulse: told what is at work.
        listeners: called with the epochs done, and of how many, in place of a progress bar.
    """

    listeners: ClassVar[list[Callable[[int, int], None]]] = []

    def __init__(self, title: str) -> None:
        self.title = title
        self.pulse = Pulse(title, mute=bool(self.listeners))
        self.curve: list[dict[str, Any]] = []
        self.best: dict[str, torch.Tensor] = {}
        self.peak_memory_mb = 0.0
        self.joules: float | None = None
        self._energy = EnergyMeter([])
        self._seconds = self._started = 0.0
        self._training = False
        self._bar: Any = None
        self.training = False

    @property
    def seconds(self) -> float:
        return self.curve[-1]["seconds"] if self.curve else 0.0

    @property
    def best_epoch(self) -> dict[str, Any] | None:
        validated = [point for point in self.curve if "val_acc" in point]
        return max(validated, key=lambda point: point["val_acc"], default=None)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._bar = tqdm(
            desc=self.title, total=trainer.max_epochs, initial=len(self.curve), unit="epoch",
            disable=not trainer.is_global_zero or bool(self.listeners), dynamic_ncols=True,
            mininterval=0.1 if sys.stderr.isatty() else 30,
        )  # fmt: skip
        self._tell(trainer)

    def _tell(self, trainer: Trainer) -> None:
        for listener in self.listeners:
            listener(len(self.curve), trainer.max_epochs or 0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.training = True
        self._energy = EnergyMeter(counters(pl_module.device))
        self.on_train_epoch_start(trainer, pl_module)  # which a run resumed in mid-epoch skips

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started, self._training = time.perf_counter(), True
        self._energy.lap()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_clock(pl_module)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, i: int
    ) -> None:
        self.pulse.at = f"epoch {trainer.current_epoch + 1}, {_of(i, trainer.num_training_batches)}"

    def on_train_batch_end(self, *_: Any) -> None:
        self._count_energy()

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, i: int, *_: Any
    ) -> None:
        self.pulse.at = f"validating, {_of(i, sum(trainer.num_val_batches))}"

    def on_test_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, i: int, *_: Any
    ) -> None:
        total = trainer.num_test_batches
        self.pulse.at = f"testing, {_of(i, total if isinstance(total, int) else sum(total))}"

    def _stop_clock(self, pl_module: LightningModule) -> None:
        if self._training:
            if pl_module.device.type == "cuda":
                torch.cuda.synchronize(pl_module.device)
            self._seconds += time.perf_counter() - self._started
            self._training = False
            self._count_energy()

    def _count_energy(self) -> None:
        if self._energy.knows:
            self.joules = (self.joules or 0.0) + self._energy.lap()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        self._stop_clock(pl_module)
        self.peak_memory_mb = max(self.peak_memory_mb, peak_memory_mb(pl_module.device))
        point: dict[str, Any] = {"epoch": trainer.current_epoch + 1}
        point |= {f"train_{name}": value for name, value in pl_module.train_metrics().items()}
        point |= {f"val_{name}": value for name, value in pl_module.evaluated.items()}
        pl_module.evaluated = {}
        point["seconds"] = self._seconds
        best = self.best_epoch
        self.curve.append(point)
        if "val_acc" in point and (best is None or point["val_acc"] > best["val_acc"]):
            self.best = {k: v.detach().clone() for k, v in pl_module.state_dict().items()}
        if trainer.logger is not None:
            trainer.logger.log_metrics(
                {k: v for k, v in point.items() if k != "epoch"}, step=point["epoch"]
            )
        self._bar.set_postfix(
            {k: f"{point[k]:.2f}" for k in ("train_acc", "val_acc") if k in point}, refresh=False
        )
        self._bar.update()
        self.pulse.spoke()
        self._tell(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._bar.close()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        if self._bar is not None:  # its line is not left to what comes next
            self._bar.close()

    def state_dict(self) -> dict[str, Any]:
        running = time.perf_counter() - self._started if self._training else 0.0
        return {
            "curve": self.curve,
            "best": self.best,
            "peak_memory_mb": self.peak_memory_mb,
            "seconds": self._seconds + running,
            "joules": self.joules,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.curve, self.best = state_dict["curve"], state_dict["best"]
        self.peak_memory_mb, self._seconds = state_dict["peak_memory_mb"], state_dict["seconds"]
        self.joules = state_dict.get("joules")


def _of(i: int, batches: float) -> str:
    return f"batch {i + 1} of {batches}"
