"""The contract of a learning algorithm, and the only training loop.

An algorithm answers one question: from a batch (x, y), how should each weight change? It returns a
scalar whose gradient with respect to the trainable parameters is that change. The base class does
the rest: backward, averaging over processes, clipping, the step, the schedule, metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from lightning.pytorch import LightningModule
from torch import Tensor
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from benchmark.credit.losses import Loss, task_loss
from benchmark.credit.true_gradient import fast_sign
from benchmark.engine.distributed import (
    LocalDDP,
    average_,
    average_float_buffers_,
    gather,
    own_values,
)
from benchmark.engine.optim import Optim
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.speed import Replay
from benchmark.streams import stream, stream_seed


class Credit(NamedTuple):
    """What an algorithm returns for a batch.

    Attributes:
        objective: scalar whose gradient is the update; its value has no meaning.
        logits: ``[N, classes]``, for the task loss and the accuracy.
        signals: named teaching signals, for measurements only.
    """

    objective: Tensor
    logits: Tensor
    signals: Mapping[str, Tensor] = {}


class Algorithm(LightningModule):
    """Base class of every learning algorithm. Write :meth:`credit`; override the rest if needed.

    Args:
        net: the network to train.
        classes: number of classes.
        loss: task loss.
        optim: optimizer and schedule.
        adversarial_eps: how far inputs are moved in adversarial training; 0 for none.
        seed: root of the named random streams.
    """

    automatic_optimization = False
    check_finite_every = 1000  # steps between looks at the device's loss

    # Whether each step does the same operations, whatever the numbers, the step and the epoch, and
    # draws all noise from ``self.noise``: such steps are repeated without autograd (benchmark.
    # replay). A class says so for itself, not for those derived from it; options may unsay it.
    same_steps = False

    def __init__(
        self,
        net: Network,
        *,
        classes: int = 10,
        loss: Loss = "cross_entropy",
        optim: Optim | None = None,
        adversarial_eps: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.net = net
        self.loss: Loss = loss
        self.optim = optim or Optim()
        self.adversarial_eps = adversarial_eps
        self.seed = seed
        self.diverged = False
        self.accuracy = MulticlassAccuracy(classes, average="micro", validate_args=False)
        self.mean_loss = MeanMetric(nan_strategy="disable")
        self._step, self._world = 0, 1
        self._sums = torch.zeros(3)  # training loss, correct, samples of this epoch
        self._resumed: list[tuple[Tensor, dict[str, Tensor]]] = []  # by process: sums, own buffers
        self._generator = torch.Generator()  # of the noise, seeded anew for each step
        self._noise: torch.Generator | None = None
        self.replay = True  # if the steps are the same

    # ---- what an algorithm writes -------------------------------------------------------------

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        """The update for inputs ``x`` ``[N, ...]`` with labels ``y`` ``[N]``, as a scalar."""
        raise NotImplementedError

    def predict(self, x: Tensor) -> Tensor:
        """Class scores ``[N, classes]`` for inputs ``x``; needs no labels, changes no state."""
        return self.net(x)

    def reference(self, x: Tensor, y: Tensor) -> Tensor | None:
        """The task loss of the predictions, whose gradient measurements compare the update with.

        None where predictions are not differentiable with respect to the weights.
        """
        scores = self.predict(x)
        return task_loss(scores, y, self.loss) if scores.requires_grad else None

    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """An algorithm's own scalars to record beside the alignment angles, by name."""
        return {}

    def param_groups(self) -> list[dict[str, Any]]:
        """Named groups for the one optimizer; a group may have its own ``lr``."""
        return [
            {"name": "forward", "params": [p for p in self.net.parameters() if p.requires_grad]}
        ]

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        """Scalars to be descended one after the other before ``credit``, each with its own step."""
        return iter(())

    # ---- random streams -----------------------------------------------------------------------

    @property
    def noise(self) -> torch.Generator:
        """This step's and this process's generator for dropout masks and injected noise."""
        if self._noise is None:
            if self._generator.device != self.device:
                self._generator = torch.Generator(self.device)
            name = ("noise", self.current_epoch, self._step, self.global_rank)
            self._noise = self._generator.manual_seed(stream_seed(self.seed, *name))
        return self._noise

    @property
    def steps_done(self) -> int:
        """Steps taken in this epoch."""
        return self._step

    def begin_step(self, noise: torch.Generator | None = None) -> None:
        """Start a step: new dropout masks, and ``noise`` or else the step's own generator."""
        self._noise = noise
        if self._has_dropout:
            self.net.renew_dropout(self.noise)

    def feedback_stream(self, k: int) -> torch.Generator:
        """The generator for the k-th feedback weights: the same on every process."""
        return stream(self.seed, "feedback", k)

    # ---- the training loop (final) ------------------------------------------------------------

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """A chunk of consecutive mini-batches: one step for each."""
        xs, ys = batch
        logits = []
        n = self.trainer.datamodule.local_batch_size  # type: ignore[attr-defined]
        for x, y in zip(xs.split(n), ys.split(n), strict=True):
            if self._noise is not None:  # the last step drew noise: a repeated one draws from it
                self._noise = None
                _ = self.noise
            logits.append(self._take_step(x, y))
            self._step += 1
            if self._step % self.check_finite_every == 0:
                self._check_finite()
        self._count(torch.cat(logits), ys)

    def _learn(self, x: Tensor, y: Tensor) -> Tensor:
        """Learn from a mini-batch; returns its logits."""
        self.begin_step()
        if self.adversarial_eps:
            x = fast_sign(self, x, y, self.adversarial_eps)
        for objective in self.feedback_phase(x):
            self._update(objective)
        credit = self.credit(x, y)
        self._update(credit.objective)
        return credit.logits.detach()

    def _update(self, objective: Tensor) -> None:
        """One step down the scalar: backward, average over the processes, clip, step.

        The torch optimizer is stepped directly: Lightning's wrapper costs as much as a small
        layer. Hence ``trainer.global_step`` stays 0, and budgets are counted in epochs.
        """
        for p in self._parameters_to_train:
            p.grad = None
        self._optimizer.absorbing = True  # read by MomentumSGD alone
        objective.backward()
        self._optimizer.absorbing = False
        if self._world > 1:
            average_([p.grad for p in self._parameters_to_train if p.grad is not None])
        if self.optim.clip is not None:
            torch.nn.utils.clip_grad_norm_(self._parameters_to_train, self.optim.clip)
        self._optimizer.step()

    def _count(self, logits: Tensor, y: Tensor) -> None:
        """Add a chunk's loss and correct answers to the epoch's sums, on the device."""
        self._sums[0] += task_loss(logits, y, self.loss) * len(y)
        self._sums[1] += (logits.argmax(-1) == y).sum()
        self._sums[2] += len(y)

    def _check_finite(self) -> None:
        finite = bool(torch.isfinite(self._sums[0]))
        if not self.trainer.strategy.reduce_boolean_decision(finite):
            self.diverged = True
            self.trainer.should_stop = True

    def setup(self, stage: str) -> None:
        trainer = self.trainer
        if trainer.world_size > 1 and not isinstance(trainer.strategy, LocalDDP):
            raise UserError("several processes need the strategy LocalDDP: plain DDP trains apart")
        if trainer.world_size > 1 and dist.get_world_size() != trainer.world_size:
            raise UserError(
                f"{dist.get_world_size()} processes were started for {trainer.world_size} devices: "
                "start one task per device (srun --ntasks-per-node, or torchrun)"
            )
        if trainer.precision == "16-mixed":
            raise UserError("precision 16-mixed rescales hand-made updates: use bf16-mixed or 32")
        self._has_dropout = bool(self.net.dropouts)
        self._world = trainer.world_size

    def on_fit_start(self) -> None:
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        self._parameters_to_train = [p for g in optimizer.param_groups for p in g["params"]]
        self._optimizer = optimizer
        same = vars(type(self)).get("same_steps", False) and self.same_steps
        self._take_step: Callable[[Tensor, Tensor], Tensor] = self._learn
        if same and self.replay and self._world == 1:
            self._take_step = Replay(self._learn, optimizer)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the place in the epoch too, and what each process has for itself until its end."""
        buffers = {name: b for name, b in self.named_buffers() if b.is_floating_point()}
        processes = gather((self._sums.cpu(), own_values(buffers)))
        checkpoint["in_epoch"] = {"step": self._step, "processes": processes}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._step = checkpoint["in_epoch"]["step"]
        self._resumed = checkpoint["in_epoch"]["processes"]

    def on_train_start(self) -> None:
        """Go on within an epoch; if the processes are not as many, the first takes all sums."""
        if not self._resumed:
            return
        if len(self._resumed) == self._world:
            self._sums, own = self._resumed[self.global_rank]
        else:
            everyone = torch.stack([sums for sums, _ in self._resumed]).sum(0)
            self._sums, own = everyone * (self.global_rank == 0), {}
        self._sums = self._sums.to(self.device)
        for name, value in own.items():
            self.get_buffer(name).copy_(value)
        self._resumed = []

    def on_train_epoch_start(self) -> None:
        self._step = 0
        self._sums = torch.zeros(3, device=self.device, dtype=torch.float64)

    def on_train_epoch_end(self) -> None:
        self._check_finite()
        self.lr_schedulers().step()  # type: ignore[union-attr]

    def train_metrics(self) -> dict[str, float]:
        """Training loss and accuracy (percent) of the epoch so far, over all processes."""
        loss, correct, n = self.trainer.strategy.reduce(
            self._sums.clone(), reduce_op="sum"
        ).tolist()
        return {"loss": loss / n, "acc": 100 * correct / n}

    # ---- evaluation ---------------------------------------------------------------------------

    def on_validation_epoch_start(self) -> None:
        if self.trainer.world_size > 1:
            average_float_buffers_(self.net)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        scores = self.predict(x)
        self.accuracy.update(scores, y)
        self.mean_loss.update(task_loss(scores, y, self.loss), weight=len(y))

    test_step = validation_step

    def eval_metrics(self) -> dict[str, float]:
        """Loss and accuracy (percent) of the evaluation just run, over all processes; resets."""
        metrics = {"loss": self.mean_loss.compute(), "acc": 100 * self.accuracy.compute()}
        self.mean_loss.reset()
        self.accuracy.reset()
        return {name: value.item() for name, value in metrics.items()}

    # ---- optimizer ----------------------------------------------------------------------------

    def configure_optimizers(self) -> Any:
        optimizer = self.optim.build(self.param_groups(), may_absorb=self._world == 1)
        return [optimizer], [self.optim.build_schedule(optimizer, self.trainer.max_epochs or 1)]
