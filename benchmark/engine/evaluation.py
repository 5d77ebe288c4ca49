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

TOP5_FROM = 100  # classes


class Evaluated(LightningModule):
    """Logs ``val_loss``, ``val_acc``, ``test_loss`` and ``test_acc``, accuracies in percent.

    With TOP5_FROM classes or more the test counts ``test_acc_top5`` too: how often the right class
    is among the five likeliest. With a network that looks for several steps it counts what that
    knew at each of them.

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
        many = classes >= TOP5_FROM
        self.top5 = MulticlassAccuracy(classes, 5, "micro", validate_args=False) if many else None
        self.mean_loss = MeanMetric(nan_strategy="disable")

    def predict(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def on_validation_epoch_start(self) -> None:
        if self.trainer.world_size > 1:
            average_float_buffers_(self.net)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._count(*batch)

    def _count(self, x: Tensor, y: Tensor) -> Tensor:
        """Add a batch to the counts; returns its scores."""
        with torch.inference_mode(False), torch.no_grad():  # predictions may take gradients
            scores = self.predict(x.clone() if x.is_inference() else x)
        self.accuracy.update(scores, y)
        self.mean_loss.update(task_loss(scores, y, self.loss), weight=len(y))
        return scores

    def on_validation_epoch_end(self) -> None:
        self._evaluate("val")

    def on_test_epoch_start(self) -> None:
        looks = hasattr(self.net, "each_step")  # for several steps
        self.step_accuracy = StepAccuracy(self.net.steps).to(self.device) if looks else None  # type: ignore[arg-type]

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        scores = self._count(x, y)
        if self.top5 is not None:
            self.top5.update(scores, y)
        if self.step_accuracy is not None:
            self.step_accuracy.update(self.net.each_step(x), y)  # type: ignore[operator]

    def on_test_epoch_end(self) -> None:
        self._evaluate("test")

    def _evaluate(self, part: str) -> None:
        metrics = {"loss": self.mean_loss.compute(), "acc": 100 * self.accuracy.compute()}
        self.mean_loss.reset()
        self.accuracy.reset()
        self.evaluated = {name: value.item() for name, value in metrics.items()}
        if part == "test":
            self.evaluated |= self._of_the_test()
        self.log_metrics(part, self.evaluated)

    def _of_the_test(self) -> dict[str, float]:
        """What the test alone counts."""
        found = {} if self.step_accuracy is None else self.step_accuracy.compute()
        if self.top5 is not None:
            found["acc_top5"] = 100 * self.top5.compute().item()
            self.top5.reset()
        return found

    def log_metrics(self, part: str, metrics: dict[str, float]) -> None:
        """Log metrics of ``part`` (train, val, test), which are the same on all processes."""
        named = {f"{part}_{name}": value for name, value in metrics.items()}
        self.log_dict(named, logger=self.logs, sync_dist=self.trainer.world_size > 1)
