"""What ep, chl and bptt share: a network that settles, and predicts with its settled output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm
from benchmark.credit.losses import task_loss
from benchmark.credit.settling import Output, Phi, States, input_drive, settle
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.networks.hopfield import Hopfield
from benchmark.options import Count, NotNegative

REFERENCE_STEPS = 20  # that the gradient goes through which updates are compared with


class Settled(Algorithm):
    """Base of the algorithms on networks that settle.

    With loss ``mse`` the output is a layer of the dynamics. With ``cross_entropy`` the last block
    is a read-out of the top hidden layer, outside the dynamics (Laborieux et al. 2021, sec. 2.3).
    """

    def __init__(
        self,
        net: Network,
        *,
        free_steps: Count = 20,
        lrs: list[NotNegative] | None = None,
        persistent: bool = False,
        **base: Any,
    ) -> None:
        """
        Args:
            free_steps: steps of the free phase, in training and for predictions.
            lrs: learning rate of each block, input to output; by default the optimizer's.
            persistent: start each training sample's free phase where its last one ended (Scellier
                & Bengio 2017); one process only.
        """
        super().__init__(net, **base)
        if not isinstance(net, Hopfield):
            raise UserError(
                f"{type(self).__name__.lower()} needs a network that settles: "
                "choose --network hopfield or hopfield_conv"
            )
        if self.loss == "bce":
            raise UserError("networks that settle know the losses mse and cross_entropy, not bce")
        if lrs is not None and len(lrs) != len(net.blocks):
            raise UserError(f"lrs: {len(lrs)} learning rates for {len(net.blocks)} blocks")
        if free_steps < 1:
            raise UserError("free_steps must be at least 1")
        self.free_steps, self.lrs, self.persistent = free_steps, lrs, persistent
        if persistent:
            self.traits = replace(self.traits, same_steps=False)
        self._ordered_epoch = -1
        self.sigma = net.sigma
        self.place_output(outside=self.loss == "cross_entropy")

    def place_output(self, outside: bool) -> None:
        """Make the last block a read-out, or the top layer of the dynamics."""
        blocks: list[Any] = list(self.net.blocks)
        self.settling = blocks[:-1] if outside else blocks
        self.output = Output(self.loss, blocks[-1] if outside else None)
        shapes = self.net.shapes()
        self.shapes, self.classes = shapes[1 : len(self.settling) + 1], shapes[-1][0]

    def param_groups(self) -> list[dict[str, Any]]:
        if self.lrs is None:
            return super().param_groups()
        return [
            {"name": f"forward{k}", "params": [*block.parameters()], "lr": lr}
            for k, (block, lr) in enumerate(zip(self.net.blocks, self.lrs, strict=True), 1)
        ]

    def phi(self, x: Tensor) -> Phi:
        """The primitive function with ``x`` clamped."""
        return Phi(self.settling, self.sigma, input_drive(self.settling[0], x))

    def rest(self, x: Tensor) -> States:
        """States at zero, for the samples of ``x``."""
        zeros = (x.new_zeros(len(x), *shape) for shape in self.shapes)
        return [
            z.contiguous(memory_format=torch.channels_last) if z.dim() == 4 else z for z in zeros
        ]

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Scores of the settled network."""
        return self.output.scores(settle(self.phi(x), self.rest(x), self.free_steps)[-1])

    def reference(self, x: Tensor, y: Tensor) -> Tensor | None:
        """The task loss, with a gradient through the last steps; none where states are kept."""
        if self.persistent:
            return None
        phi, steps = self.phi(x), min(self.free_steps, REFERENCE_STEPS)
        with torch.no_grad():
            s = settle(phi, self.rest(x), self.free_steps - steps)
        return task_loss(self.output.scores(settle(phi, s, steps)[-1]), y, self.loss)

    # ---- persistent particles -----------------------------------------------------------------

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if self.persistent and not hasattr(self, "particle0"):
            if self.trainer.world_size > 1:
                raise UserError("persistent=true keeps the samples' states in one process: "
                                "use one device")  # fmt: skip
            trainer: Any = self.trainer
            if trainer.datamodule is None:
                raise UserError("persistent=true needs a data module of this suite, which says "
                                "which sample is which")  # fmt: skip
            size = trainer.datamodule.sizes["train"]
            for k, shape in enumerate(self.shapes):
                self.register_buffer(f"particle{k}", torch.zeros(size, *shape))

    def start(self, x: Tensor) -> States:
        """Where the free phase of this training step begins."""
        if not self.persistent:
            return self.rest(x)
        if self._trainer is None:
            raise UserError("persistent=true needs a Trainer, whose data say which sample is which")
        return [self.get_buffer(f"particle{k}")[self._samples] for k in range(len(self.shapes))]

    def keep(self, s: States) -> None:
        """Remember the settled states of this training step's samples."""
        if self.persistent:
            for k, s_k in enumerate(s):
                self.get_buffer(f"particle{k}")[self._samples] = s_k

    @property
    def _samples(self) -> Tensor:
        """Which training samples this step's are."""
        if self._ordered_epoch != self.current_epoch:
            trainer: Any = self.trainer
            schedule = trainer.datamodule.schedule()
            order = schedule.order(self.current_epoch)[schedule.positions()]
            self._order, self._ordered_epoch = order.to(self.device), self.current_epoch
        return self._order[self._step]
