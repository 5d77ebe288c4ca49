"""RMSprop in fewer passes over memory than torch's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class RMSprop(torch.optim.RMSprop):
    """RMSprop without momentum, in one pass over memory.

        v <- alpha v + (1 - alpha) g^2,   W <- W - lr g / (sqrt(v) + eps)

    That is Adam with beta_1 = 0, for which m is g, once its bias corrections have come to 1: so
    Adam's fused kernel takes the step, as if very many had gone before. Torch7's optim.rmsprop has
    the same equation and the same defaults, alpha 0.99 and eps 1e-8.
    """

    def __init__(self, groups: list[dict[str, Any]], **options: Any) -> None:
        super().__init__(groups, **options)
        self._late: dict[torch.device, Tensor] = {}  # a number of steps, on each device

    def _mean_square(self, p: Tensor) -> Tensor:
        """v of a parameter, zero at first."""
        state = self.state[p]
        if "square_avg" not in state:
            state["square_avg"] = torch.zeros_like(p)
        return state["square_avg"]  # type: ignore[no-any-return]

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            device = params[0].device
            if device not in self._late:
                self._late[device] = torch.full((), 1e9, device=device)
            grads = [p.grad for p in params]
            torch._fused_adam_(
                params,
                grads,
                grads,  # m, which becomes g
                [self._mean_square(p) for p in params],
                [],
                [self._late[device]] * len(params),
                lr=group["lr"],
                beta1=0.0,
                beta2=group["alpha"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )
