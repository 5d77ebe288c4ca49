"""SGD with momentum, in fewer passes over memory than torch's."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor


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
            _sgd_([W], [v], [], {**self.param_groups[k], "momentum": 0.0})
        self._absorbed.clear()
        for group in self.param_groups:
            if rest := [p for p in group["params"] if p.grad is not None]:
                velocities = [self._velocity(p) for p in rest] if group["momentum"] else []
                _sgd_(rest, [p.grad for p in rest], velocities, group)


def _sgd_(params: list[Any], grads: list[Any], velocities: list[Any], group: Any) -> None:
    """The fused kernel of ``torch.optim.SGD``."""
    torch._fused_sgd_(
        params,
        grads,
        velocities,
        weight_decay=group["weight_decay"],
        momentum=group["momentum"],
        lr=group["lr"],
        dampening=0.0,
        nesterov=group["nesterov"],
        maximize=False,
        is_first_step=False,
    )
