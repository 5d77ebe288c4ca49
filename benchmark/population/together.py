"""Several runs as one learner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.engine.learner import Learner
from benchmark.population.stack import ClippedApart, joint_credit, stack_
from benchmark.traits import Traits, repeats


class Population(Learner):
    """S runs of one row, which take each step together.

    A batch is ``x`` ``[S, N, ...]`` and ``y`` ``[S, N]``. The sum of the S objectives is descended:
    its gradient with respect to the stacked weights holds each run's own. Optimizers work number by
    number, so one that steps the stack steps each run.

    Args:
        members: the runs, each with its own seed; see ``why_apart`` for those that cannot.
    """

    def __init__(self, members: Sequence[Algorithm]) -> None:
        first = members[0]
        super().__init__(first.net.shapes()[-1][0], first.loss, first.optim, 0.0, first.seed)
        self.replay = first.replay
        self.members = nn.ModuleList(members)
        self.runs = list(members)  # the same, typed
        self._credit = joint_credit(first)

    @property
    def traits(self) -> Traits:
        """The members', who may all have inherited theirs."""
        first = self.runs[0]
        return replace(first.traits, same_steps=repeats(first))

    # ---- a step -------------------------------------------------------------------------------

    def check_epochs(self, epochs: int) -> None:
        self.runs[0].check_epochs(epochs)

    def configure_optimizers(self) -> Any:
        """Stack the weights, where they now are, and build an optimizer of the stack."""
        self.stack = stack_(self.runs)
        return super().configure_optimizers()

    def param_groups(self) -> list[dict[str, Any]]:
        first = self.runs[0]
        name = {p: name for name, p in first.named_parameters()}
        return [
            {**group, "params": [self.stack[name[p]] for p in group["params"]]}
            for group in first.param_groups()
        ]

    def begin_step(self, noise: torch.Generator | None = None) -> None:
        for run in self.runs:
            run.begin_step(noise)

    def before_step(self, x: Tensor) -> None:
        for run, own in zip(self.runs, x, strict=True):
            run.before_step(own)

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        return iter(())

    def credits(self, x: Tensor, y: Tensor) -> Iterator[Credit]:
        objectives, logits, signals = self._credit(self.stack, x, y)
        yield Credit(objectives.sum(), logits, signals)

    def after_step(self, credit: Credit) -> None:
        for s, run in enumerate(self.runs):
            own = {name: signal[s] for name, signal in credit.signals.items()}
            run.after_step(Credit(credit.objective, credit.logits[s], own))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """One step for each mini-batch of a chunk, of all runs."""
        xs, ys = batch
        n = self.trainer.train_dataloader.local_batch_size  # type: ignore[union-attr]
        logits = []
        for x, y in zip(xs.split(n, 1), ys.split(n, 1), strict=True):
            logits.append(self._take_step(x, y))
            self._tell_step(self._step + 1)
            if self._step % self.check_finite_every == 0:
                self._check_finite()
        for run, answers, labels in zip(self.runs, torch.cat(logits, 1), ys, strict=True):
            run.sums.count(answers, labels)
        self._count_steps(len(logits))

    def _tell_step(self, step: int) -> None:
        for learner in (self, *self.runs):
            learner._step = step

    def _check_finite(self) -> None:
        for run in self.runs:
            run.diverged |= not run.sums.finite
        self.trainer.should_stop |= all(run.diverged for run in self.runs)

    # ---- the runs ------------------------------------------------------------------------------

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.descend = ClippedApart(self.descend.optimizer, self.optim.clip)
        for run in self.runs:
            run.log_metrics = _silent  # type: ignore[method-assign]

    def on_fit_end(self) -> None:
        for run in self.runs:
            del run.log_metrics

    def on_train_start(self) -> None:
        for run in self.runs:
            run.on_train_start()

    def on_train_epoch_start(self) -> None:
        self._step = 0
        for run in self.runs:
            run.on_train_epoch_start()

    def on_train_epoch_end(self) -> None:
        self._check_finite()
        self.lr_schedulers().step()  # type: ignore[union-attr]

    def on_validation_epoch_start(self) -> None:
        for run in self.runs:
            run.on_validation_epoch_start()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        for run in self.runs:
            run.validation_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        for run in self.runs:
            run.on_validation_epoch_end()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["in_epoch"] = {
            "step": self._step,
            "sums": [run.sums.values.cpu() for run in self.runs],
            "diverged": [run.diverged for run in self.runs],
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        place = checkpoint["in_epoch"]
        self._tell_step(place["step"])
        for run, sums, diverged in zip(self.runs, place["sums"], place["diverged"], strict=True):
            run._resumed, run.diverged = [(sums, {})], diverged


def _silent(part: str, metrics: dict[str, float]) -> None:
    """The trainer has one place for a metric of a name; each run's recorder keeps its own."""
