"""What the predictive coding rules share: states that relax between clamped ends, and a pull."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm
from benchmark.credit.predictive import Cost, Output, States, pulled
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.options import Count, Positive, Share


class Predicted(Algorithm):
    """Base of the predictive coding rules, for any chain of blocks."""

    def __init__(
        self,
        net: Network,
        *,
        steps: Count = 5,
        state_lr: Positive = 0.1,
        state_momentum: Share = 0.0,
        beta: float = 1.0,
        output: Output = "clamped",
        **base: Any,
    ) -> None:
        """
        Args:
            steps: T, of the states before the weights' own.
            state_lr: size of a state's step.
            state_momentum: of the states' descent.
            beta: the output's pull towards the label, a negative one pushes away; -1 to 1, not 0.
            output: clamped to between its prediction and the label, or nudged by the loss.
        """
        super().__init__(net, **base)
        if len(net.blocks) < 2:
            raise UserError(
                f"{type(self).__name__.lower()} has states between blocks, and the network is one"
            )
        if beta == 0 or abs(beta) > 1:
            raise UserError(f"beta is {beta}: it must be from -1 to 1, and not 0")
        self.steps, self.state_lr, self.state_momentum = steps, state_lr, state_momentum
        self.beta, self.output = beta, output

    @torch.no_grad()
    def feedforward(self, x: Tensor) -> tuple[States, Tensor]:
        """Activities of the hidden blocks, and logits."""
        *hidden, output = self.net.blocks
        h: States = []
        for block in hidden:
            h.append(block(h[-1] if h else x))
        return h, output(h[-1] if h else x)

    def pull(self, logits: Tensor, y: Tensor, beta: float) -> Cost:
        """The output's cost, where its logits before any pull are ``logits``."""
        return pulled(logits, y, self.loss, beta, self.output)

    @torch.no_grad()
    def relax(self, h: States, slopes: Callable[[States], Sequence[Tensor]]) -> States:
        """T steps of descent with momentum: v <- mu v + slope,  h <- h - lr_h v."""
        v = [torch.zeros_like(h_l) for h_l in h]
        for _ in range(self.steps):
            h, v = self.moved(h, v, slopes(h))
        return h

    def moved(self, h: States, v: States, slopes: Sequence[Tensor]) -> tuple[States, States]:
        """States and their momenta after one step down ``slopes``."""
        v = [self.state_momentum * a + b for a, b in zip(v, slopes, strict=True)]
        return [h_l - self.state_lr * v_l for h_l, v_l in zip(h, v, strict=True)], v
