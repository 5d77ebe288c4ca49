"""The only training loop: what turns a rule's scalars into trained weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from benchmark.credit.losses import Loss
from benchmark.credit.true_gradient import fast_sign
from benchmark.engine.descent import Descent
from benchmark.engine.distributed import LocalDDP, gather, own_values
from benchmark.engine.evaluation import Evaluated
from benchmark.engine.optim import Optim
from benchmark.engine.sums import EpochSums
from benchmark.errors import UserError
from benchmark.speed import repeated
from benchmark.streams import stream_seed
from benchmark.traits import exchanges, repeats


class Answer(Protocol):
    """What a rule gives for a mini-batch, as the loop reads it."""

    @property
    def objective(self) -> Tensor: ...

    @property
    def logits(self) -> Tensor: ...


class Learner(Evaluated):
    """Trains by what ``before_step``, ``feedback_phase``, ``credits`` and ``after_step`` give.

    Batches are ``x`` ``[N, ...]`` and ``y`` ``[N]``. One that comes from a loader with
    ``local_batch_size`` is a chunk of mini-batches of that size; any other is one mini-batch.
    ``train_loss`` and ``train_acc`` (percent) are logged at the end of each epoch.

    Args:
        classes: number of classes.
        loss: task loss.
        optim: optimizer and schedule.
        adversarial_eps: how far inputs are moved in adversarial training; 0 for none.
        seed: root of the named random streams.

    Attributes:
        diverged: whether a loss was no number; training ends there.
        replay: whether steps may be repeated without autograd.
    """

    automatic_optimization = False
    check_finite_every = 1000  # steps between looks at the device's loss

    def __init__(
        self, classes: int, loss: Loss, optim: Optim, adversarial_eps: float, seed: int
    ) -> None:
        super().__init__(classes, loss)
        self.optim = optim
        self.adversarial_eps = adversarial_eps
        self.seed = seed
        self.diverged = False
        self.replay = True
        self.sums = EpochSums(loss)
        self._step = 0
        self._resumed: list[tuple[Tensor, dict[str, Tensor]]] = []  # by process: sums, own buffers
        self._generator = torch.Generator()  # of the noise, seeded anew for each step
        self._noise: torch.Generator | None = None

    # ---- what a derived class gives -----------------------------------------------------------

    def check_epochs(self, epochs: int) -> None:
        raise NotImplementedError

    def credits(self, x: Tensor, y: Tensor) -> Iterator[Answer]:
        raise NotImplementedError

    def param_groups(self) -> list[dict[str, Any]]:
        raise NotImplementedError

    def before_step(self, x: Tensor) -> None:
        raise NotImplementedError

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        raise NotImplementedError

    def after_step(self, credit: Any) -> None:
        raise NotImplementedError

    # ---- a step -------------------------------------------------------------------------------

    @property
    def steps_done(self) -> int:
        """Steps taken in this epoch."""
        return self._step

    @property
    def noise_rank(self) -> int:
        """Whose noise this process draws: its own, or the first one's where all draw the same."""
        return 0 if exchanges(self) else self.global_rank

    @property
    def noise(self) -> torch.Generator:
        """This step's and this process's generator for dropout masks and injected noise."""
        if self._noise is None:
            if self._generator.device != self.device:
                self._generator = torch.Generator(self.device)
            name = ("noise", self.current_epoch, self._step, self.noise_rank)
            self._noise = self._generator.manual_seed(stream_seed(self.seed, *name))
        return self._noise

    @cached_property
    def _has_dropout(self) -> bool:
        return bool(self.net.dropouts)

    def begin_step(self, noise: torch.Generator | None = None) -> None:
        """Start a step: new dropout masks, and ``noise`` or else the step's own generator."""
        self._noise = noise
        if self._has_dropout:
            self.net.renew_dropout(self.noise)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """One step for each mini-batch of a chunk."""
        xs, ys = batch
        n = getattr(self.trainer.train_dataloader, "local_batch_size", len(ys))
        logits = []
        for x, y in zip(xs.split(n), ys.split(n), strict=True):
            if self._noise is not None:  # the last step drew noise: a repeated one draws from it
                self._noise = None
                _ = self.noise
            logits.append(self._take_step(x, y))
            self._step += 1
            if self._step % self.check_finite_every == 0:
                self._check_finite()
        self.sums.count(torch.cat(logits), ys)
        self._count_steps(len(logits))

    def learn(self, x: Tensor, y: Tensor) -> Tensor:
        """Learn from a mini-batch; returns its logits."""
        self.begin_step()
        if self.adversarial_eps:
            x = fast_sign(self, x, y, self.adversarial_eps)
        self.before_step(x)
        for objective in self.feedback_phase(x):
            self.descend(objective)
        for credit in self.credits(x, y):
            self.descend(credit.objective)
        self.after_step(credit)
        return credit.logits.detach()

    def _count_steps(self, n: int) -> None:
        """Tell Lightning, whose ``global_step`` counts the steps of its own wrapper alone."""
        progress = self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        progress.total.completed += n

    def _check_finite(self) -> None:
        if not self.trainer.strategy.reduce_boolean_decision(self.sums.finite):
            self.diverged = True
            self.trainer.should_stop = True

    # ---- a run --------------------------------------------------------------------------------

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

    def configure_optimizers(self) -> Any:
        optimizer = self.optim.build(self.param_groups())
        return [optimizer], [self.optim.build_schedule(optimizer, self.trainer.max_epochs)]

    def on_fit_start(self) -> None:
        if (epochs := self.trainer.max_epochs) not in (None, -1):
            self.check_epochs(epochs)
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        world = self.trainer.world_size
        self.descend = Descent(optimizer, self.optim.clip, world)
        self._take_step: Callable[[Tensor, Tensor], Tensor] = self.learn
        if repeats(self) and self.replay and world == 1:
            self._take_step = repeated(self.learn, optimizer, self, lambda: self.current_epoch)

    def on_train_start(self) -> None:
        """Go on within an epoch; if the processes are not as many, the first takes all sums."""
        if not self._resumed:
            return
        if len(self._resumed) == self.trainer.world_size:
            sums, own = self._resumed[self.global_rank]
        else:
            everyone = torch.stack([sums for sums, _ in self._resumed]).sum(0)
            sums, own = everyone * (self.global_rank == 0), {}
        self.sums.values = sums.to(self.device)
        for name, value in own.items():
            self.get_buffer(name).copy_(value)
        self._resumed = []

    def on_train_epoch_start(self) -> None:
        self._step = 0
        self.sums.restart(self.device)

    def on_train_epoch_end(self) -> None:
        self._check_finite()
        self.log_metrics("train", self.train_metrics())
        self.lr_schedulers().step()  # type: ignore[union-attr]

    def train_metrics(self) -> dict[str, float]:
        """Training loss and accuracy (percent) of the epoch so far, over all processes."""
        return self.sums.over_all(self.trainer.strategy)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the place in the epoch too, and what each process has for itself until its end."""
        buffers = {name: b for name, b in self.named_buffers() if b.is_floating_point()}
        processes = gather((self.sums.values.cpu(), own_values(buffers)))
        checkpoint["in_epoch"] = {"step": self._step, "processes": processes}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._step = checkpoint["in_epoch"]["step"]
        self._resumed = checkpoint["in_epoch"]["processes"]
