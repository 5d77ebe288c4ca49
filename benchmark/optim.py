"""The optimizer and learning-rate schedule of a row, as typed configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR


class MomentumSGD(torch.optim.SGD):
    """SGD with momentum that adds large gradients to the momentum without forming them.

        v <- mu v + g,   W <- W - lr v

    For a fully connected W, g = delta^T x: one product can read v and write mu v + delta^T x. That
    spares writing and reading g, which for weights that outgrow the processor's caches takes longer
    than what it computes. ``benchmark.networks.linear`` asks for it. All other parameters take the
    fused step of ``torch.optim.SGD``, called without that class's preparations.

    Attributes:
        large: entries from which on a weight matrix is worth it.
        absorbing: whether the backward passes that run now are this optimizer's update.
    """

    large = 2**18

    def __init__(self, groups: list[dict[str, Any]], **options: Any) -> None:
        super().__init__(groups, **options)
        self.absorbing = False
        self._absorbed: dict[Tensor, int] = {}  # weights and their groups, in this step
        for k, group in enumerate(self.param_groups):
            plain = group["momentum"] and not group["nesterov"] and not group["weight_decay"]
            for W in group["params"]:
                if plain and W.dim() == 2 and W.numel() >= self.large:
                    W.absorb = partial(self._absorb, W, k)

    def _velocity(self, p: Tensor) -> Tensor:
        """v of a parameter, zero at first."""
        state = self.state[p]
        if state.get("momentum_buffer") is None:
            state["momentum_buffer"] = torch.zeros_like(p)
        return state["momentum_buffer"]

    def _absorb(self, W: Tensor, k: int, delta: Tensor, x: Tensor) -> bool:
        """Take in the gradient delta^T x of ``W``; False if it must be formed."""
        if not self.absorbing or delta.dtype != W.dtype:
            return False
        mu = 1 if W in self._absorbed else self.param_groups[k]["momentum"]
        self._velocity(W).addmm_(delta.t(), x, beta=mu)
        self._absorbed[W] = k
        return True

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for W, k in self._absorbed.items():
            v = self._velocity(W)
            if W.grad is not None:  # what reached W besides
                v.add_(W.grad)
                W.grad = None
            W.add_(v, alpha=-self.param_groups[k]["lr"])
        self._absorbed.clear()
        for group in self.param_groups:
            if rest := [p for p in group["params"] if p.grad is not None]:
                torch._fused_sgd_(
                    rest,
                    [p.grad for p in rest],
                    [self._velocity(p) for p in rest] if group["momentum"] else [],
                    weight_decay=group["weight_decay"],
                    momentum=group["momentum"],
                    lr=group["lr"],
                    dampening=0.0,
                    nesterov=group["nesterov"],
                    maximize=False,
                    is_first_step=False,
                )


@dataclass(frozen=True)
class Optim:
    """How the update becomes a step.

    Attributes:
        name: the torch optimizer.
        lr: learning rate of the forward weights.
        momentum: for sgd and rmsprop.
        nesterov: for sgd.
        betas: for adam and adamw.
        weight_decay: L2 penalty (decoupled for adamw).
        clip: largest global gradient norm; none by default.
        schedule: constant, step (times ``gamma`` at each of ``milestones``, in epochs) or cosine
            (to zero over the run).
        milestones: epochs at which schedule ``step`` decays.
        gamma: decay factor of schedule ``step``.
    """

    name: Literal["sgd", "rmsprop", "adam", "adamw"] = "sgd"
    lr: float = 0.05
    momentum: float = 0.0
    nesterov: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip: float | None = None
    schedule: Literal["constant", "step", "cosine"] = "constant"
    milestones: list[int] = field(default_factory=list)
    gamma: float = 0.1

    def build(
        self, groups: list[dict[str, Any]], may_absorb: bool = False
    ) -> torch.optim.Optimizer:
        """One torch optimizer over named parameter groups (fused kernels where torch has them).

        With ``may_absorb`` it may absorb gradients, where nothing wants to see them first.
        """
        common: dict[str, Any] = {"lr": self.lr, "weight_decay": self.weight_decay}
        if self.name == "sgd":
            absorb = may_absorb and self.momentum and self.clip is None
            sgd = MomentumSGD if absorb else torch.optim.SGD
            return sgd(groups, **common, momentum=self.momentum, nesterov=self.nesterov, fused=True)
        if self.name == "rmsprop":
            return torch.optim.RMSprop(groups, **common, momentum=self.momentum)
        cls = torch.optim.Adam if self.name == "adam" else torch.optim.AdamW
        return cls(groups, **common, betas=self.betas, fused=True)

    def build_schedule(self, optimizer: torch.optim.Optimizer, epochs: int) -> LRScheduler:
        """The schedule, to be stepped once an epoch."""
        if self.schedule == "cosine":
            return CosineAnnealingLR(optimizer, T_max=max(epochs, 1))
        milestones = self.milestones if self.schedule == "step" else []
        return MultiStepLR(optimizer, milestones, self.gamma)
