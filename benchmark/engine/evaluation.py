"""Validation and test: predictions, counted over all processes."""

from __future__ import annotations

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from benchmark.credit.losses import Loss, task_loss
from benchmark.engine.distributed import average_float_buffers_
from benchmark.engine.step_accuracy import StepAccuracy
from benchmark.networks import Network


class Evaluated(LightningModule):
    """Logs ``val_loss``, ``val_acc``, ``test_loss`` and ``test_acc``, accuracies in percent.

    With a network that looks for several steps the test counts what it knew at each of them too.

    Args:
        classes: number of classes.
        loss: task loss.

    Attributes:
        evaluated: loss and accuracy of the last evaluation, over all processes.
        logs: whether metrics go to the trainer's logger too, beside its callbacks.
    """

    net: Network

    def __init__(self, classes: int, loss: Loss) -> None:
        super().__init__()
        self.loss: Loss = loss
        self.logs = True
        self.evaluated: dict[str, float] = {}
        self.accuracy = MulticlassAccuracy(classes, average="micro", validate_args=False)
        self.mean_loss = MeanMetric(nan_strategy="disable")

    def predict(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def on_validation_epoch_start(self) -> None:
        if self.trainer.world_size > 1:
            average_float_buffers_(self.net)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        with torch.inference_mode(False), torch.no_grad():  # predictions may take gradients
            scores = self.predict(x.clone() if x.is_inference() else x)
        self.accuracy.update(scores, y)
        self.mean_loss.update(task_loss(scores, y, self.loss), weight=len(y))

    def on_validation_epoch_end(self) -> None:
        self._evaluate("val")

    def on_test_epoch_start(self) -> None:
        looks = hasattr(self.net, "each_step")  # for several steps
        self.step_accuracy = StepAccuracy(self.net.steps).to(self.device) if looks else None  # type: ignore[arg-type]

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.validation_step(batch, batch_idx)
        if self.step_accuracy is not None:
            x, y = batch
            self.step_accuracy.update(self.net.each_step(x), y)  # type: ignore[operator]

    def on_test_epoch_end(self) -> None:
        self._evaluate("test")

    def _evaluate(self, part: str) -> None:
        metrics = {"loss": self.mean_loss.compute(), "acc": 100 * self.accuracy.compute()}
        self.mean_loss.reset()
        self.accuracy.reset()
        self.evaluated = {name: value.item() for name, value in metrics.items()}
        if part == "test" and self.step_accuracy is not None:
            self.evaluated |= self.step_accuracy.compute()
        self.log_metrics(part, self.evaluated)

    def log_metrics(self, part: str, metrics: dict[str, float]) -> None:
        """Log metrics of ``part`` (train, val, test), which are the same on all processes."""
        named = {f"{part}_{name}": value for name, value in metrics.items()}
        self.log_dict(named, logger=self.logs, sync_dist=self.trainer.world_size > 1)
