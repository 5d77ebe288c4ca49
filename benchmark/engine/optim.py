"""The optimizer and learning-rate schedule of a row, as typed configuration."""

from __future__ import annotations

from dataclasses import MISSING, Field, field, fields
from typing import Any, Literal

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

from benchmark.engine.rmsprop import RMSprop
from benchmark.errors import UserError
from benchmark.options import Count, NotNegative, Positive, Share, check, options

USED = ("name", "lr", "weight_decay", "clip", "schedule")
USED_BY = {
    "sgd": ("momentum", "nesterov"),
    "rmsprop": ("momentum", "alpha", "eps", "centered"),
    "adam": ("betas",),
    "adamw": ("betas",),
    "constant": (),
    "step": ("milestones", "gamma"),
    "cosine": ("t_max",),
}


@options
class Optim:
    """How the update becomes a step.

    Attributes:
        name: the torch optimizer.
        lr: learning rate of the forward weights.
        momentum: for sgd and rmsprop.
        nesterov: for sgd.
        betas: for adam and adamw.
        alpha: share of the old in rmsprop's running mean of squared gradients.
        eps: added to that mean's root.
        centered: whether rmsprop divides by the gradient's deviation instead of that root.
        weight_decay: L2 penalty (decoupled for adamw).
        clip: largest global gradient norm; none by default.
        schedule: constant, step (times ``gamma`` at each of ``milestones``, in epochs) or cosine
            (to zero over ``t_max`` epochs, then up again).
        milestones: epochs at which schedule ``step`` decays.
        gamma: decay factor of schedule ``step``.
        t_max: epochs after which schedule ``cosine`` is at zero; by default the run's.

    Raises:
        UserError: for a number out of its range, or an option that another one leaves without use.
    """

    name: Literal["sgd", "rmsprop", "adam", "adamw"] = "sgd"
    lr: Positive = 0.05
    momentum: Share = 0.0
    nesterov: bool = False
    betas: tuple[Share, Share] = (0.9, 0.999)
    alpha: Share = 0.99
    eps: Positive = 1e-8
    centered: bool = False
    weight_decay: NotNegative = 0.0
    clip: Positive | None = None
    schedule: Literal["constant", "step", "cosine"] = "constant"
    milestones: list[Count] = field(default_factory=list)
    gamma: Positive = 0.1
    t_max: Count | None = None

    def __post_init__(self) -> None:
        check(Optim, vars(self), "optim.")
        used = {*USED, *USED_BY[self.name], *USED_BY[self.schedule]}
        for option in fields(self):
            value, usual = getattr(self, option.name), _usual(option)
            if option.name not in used and value not in (usual, _listed(usual)):
                raise UserError(
                    f"optim.{option.name} is {value}, but optimizer {self.name} with schedule "
                    f"{self.schedule} has no use for it: leave it out"
                )
        if self.nesterov and not self.momentum:
            raise UserError("optim.nesterov is true: it needs optim.momentum above 0")
        if self.schedule == "step" and not self.milestones:
            raise UserError("optim.schedule is step: it needs optim.milestones, in epochs")

    def build(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """One torch optimizer over named parameter groups (fused kernels where torch has them)."""
        common: dict[str, Any] = {"lr": self.lr, "weight_decay": self.weight_decay}
        if self.name == "sgd":
            return torch.optim.SGD(
                groups, **common, momentum=self.momentum, nesterov=self.nesterov, fused=True
            )
        if self.name == "rmsprop":
            rms = {**common, "alpha": self.alpha, "eps": self.eps}
            if self.momentum or self.centered:
                return torch.optim.RMSprop(
                    groups, **rms, momentum=self.momentum, centered=self.centered
                )
            return RMSprop(groups, **rms)
        cls = torch.optim.Adam if self.name == "adam" else torch.optim.AdamW
        return cls(groups, **common, betas=self.betas, fused=True)

    def build_schedule(self, optimizer: torch.optim.Optimizer, epochs: int | None) -> LRScheduler:
        """The schedule, to be stepped once an epoch.

        Args:
            epochs: of the run; None, or -1, where their number is open.

        Raises:
            UserError: cosine without a number of epochs.
        """
        if self.schedule == "cosine":
            if epochs in (None, -1) and self.t_max is None:
                raise UserError("schedule cosine needs optim.t_max, or the trainer's max_epochs")
            return CosineAnnealingLR(optimizer, T_max=self.t_max or max(epochs or 1, 1))
        milestones = self.milestones if self.schedule == "step" else []
        return MultiStepLR(optimizer, milestones, self.gamma)


def _usual(option: Field[Any]) -> Any:
    """An option's default."""
    return option.default if option.default_factory is MISSING else option.default_factory()


def _listed(value: Any) -> Any:
    """A tuple as the list that YAML makes of it."""
    return [*value] if isinstance(value, tuple) else value
