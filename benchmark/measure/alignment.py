"""Per layer and epoch: the angle of the update with the true gradient, and of B with W."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from benchmark.credit.angles import angle, direct_pairs, feedback_pairs, norm_ratio, synapses
from benchmark.credit.true_gradient import symmetric
from benchmark.engine.distributed import average_
from benchmark.measure.untouched import untouched
from benchmark.options import CountOrZero, options
from benchmark.streams import stream


@options
class Measure:
    """What is measured beside the learning curve; nothing here changes a result.

    Attributes:
        every: epochs between two measurements of alignment angles; 0 for none; by default as many
            as give 25 measurements or fewer.
        steps: besides, steps between two measurements within an epoch, rounded up to the
            mini-batches that are handed out at once; 0 for none.
    """

    every: CountOrZero | None = None
    steps: CountOrZero = 0

    def period(self, epochs: int) -> int:
        """Epochs between two measurements of a run of ``epochs``; 0 for none."""
        return math.ceil(epochs / 25) if self.every is None else self.every


class Alignment(Callback):
    """Measures alignment on the first mini-batch of epoch 0: before training, then at epoch ends,
    and within epochs where asked.

    The run goes on as if nothing had been measured: same weights, statistics, masks and random
    draws, bit for bit.

    Attributes:
        points: name -> [[epoch, value], ...]; the epoch has a fraction where measured within one.
            Names are ``update/<layer>``, the angle of the layer's weight update with the true
            gradient, ``norm_ratio/<layer>``, their norms' ratio, and ``feedback/<layer>``, the
            angle of the layer's feedback weights with the forward weights they stand for. Angles
            in degrees; nan where undefined.

    Args:
        every: epochs between two measurements; 0 for none.
        steps: steps between two measurements within an epoch; 0 for none. With it TensorBoard
            counts steps, else epochs.
    """

    def __init__(self, every: int, steps: int = 0) -> None:
        self.every, self.steps = every, steps
        self.points: dict[str, list[list[float]]] = {}
        self._measured: set[float] = set()
        self._periods = 0  # of ``steps`` steps that this epoch has seen

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        if self.every or self.steps:
            self._probe = _probe(trainer)
            self._at_epoch(trainer, pl_module, trainer.current_epoch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._periods = 0

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        if self.steps and pl_module.steps_done // self.steps > self._periods:
            self._periods = pl_module.steps_done // self.steps
            part = pl_module.steps_done / trainer.datamodule.steps_per_epoch
            if part < 1:
                self._measure(trainer, pl_module, round(trainer.current_epoch + part, 4))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        self._at_epoch(trainer, pl_module, trainer.current_epoch + 1)

    def _at_epoch(self, trainer: Trainer, algorithm: Any, epoch: int) -> None:
        every = self.every or int(self.steps > 0)
        if every and (epoch % every == 0 or epoch == trainer.max_epochs):
            self._measure(trainer, algorithm, epoch)

    def _measure(self, trainer: Trainer, algorithm: Any, epoch: float) -> None:
        if epoch in self._measured:
            return
        with trainer.precision_plugin.train_step_context():
            values = measure(algorithm, *self._probe)
        self._measured.add(epoch)
        for name, value in values.items():
            self.points.setdefault(name, []).append([epoch, float(f"{value:.5g}")])
        if trainer.logger is not None:
            finite = {name: value for name, value in values.items() if math.isfinite(value)}
            steps = trainer.datamodule.steps_per_epoch if self.steps else 1  # type: ignore[attr-defined]
            trainer.logger.log_metrics(finite, step=round(epoch * steps))
        if algorithm.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(algorithm.device)  # the run's cost is without ours

    def state_dict(self) -> dict[str, Any]:
        return {"points": self.points, "measured": self._measured, "periods": self._periods}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.points, self._measured = state_dict["points"], state_dict["measured"]
        self._periods = state_dict["periods"]


def _probe(trainer: Any) -> tuple[Tensor, Tensor]:
    """This process's share of the first mini-batch of epoch 0."""
    data = trainer.datamodule
    x, y = next(iter(data.train_dataloader()))
    n = data.local_batch_size
    batch = trainer.precision_plugin.convert_input((x[:n], y[:n]))
    return trainer.strategy.batch_to_device(batch)


def measure(algorithm: Any, x: Tensor, y: Tensor) -> dict[str, float]:
    """All angles and norm ratios of an algorithm now, for inputs ``x`` with labels ``y``.

    The update and the gradient are averaged over all processes. Both passes share dropout masks.
    Algorithms without a reference have no update angles.
    """
    net, values = algorithm.net, {}
    layers = {name: m for name, m in synapses(net).items() if m.weight.requires_grad}
    weights: list[Tensor] = [m.get_parameter("weight") for m in layers.values()]
    noise = stream(algorithm.seed, "measure", algorithm.noise_rank, device=algorithm.device)
    with untouched(algorithm), torch.enable_grad():
        algorithm.train()
        algorithm.begin_step(noise)
        algorithm.before_step(x)  # B that is set, not learned
        pairs = feedback_pairs(net)
        for name, (B, W) in (pairs | direct_pairs(algorithm, net)).items():
            values[f"feedback/{name}"] = angle(B, W)
        with symmetric(net):
            task = algorithm.reference(x, y)
            gradient = None if task is None else _gradient(task, weights)
        if gradient is not None:
            update = _gradient(algorithm.credit(x, y).objective, weights)
            for name, u, g in zip(layers, update, gradient, strict=True):
                values[f"update/{name}"] = angle(u, g)
                values[f"norm_ratio/{name}"] = norm_ratio(u, g)
        algorithm.begin_step(noise)
        with torch.no_grad():
            values |= algorithm.measurements(x, y)
    numbers = torch.stack(list(values.values())).tolist() if values else []
    return dict(zip(values, numbers, strict=True))


def _gradient(objective: Tensor, weights: list[Tensor]) -> list[Tensor]:
    """d objective / d weights, averaged over the processes; zero where there is no dependence."""
    gradient = list(torch.autograd.grad(objective, weights, materialize_grads=True))
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        average_(gradient)
    return gradient
