"""Deep feedback control (Meulemans et al. 2021), with fixed feedback and instant dynamics."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import local_update, output_error
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.options import Count, NotNegative, Positive
from benchmark.traits import Traits


class DFC(Algorithm):
    """Deep feedback control: a controller drives the output to its target by way of all layers.

        v_k = W_k r_{k-1} + Q_k u,   r_k = f(v_k),   r_L = v_L
        T times    u <- u + dt (r* - r_L - alpha u),   r* = r_L(u = 0) - lambda e
        Delta W_k = lr / lambda (f(v_k) - f(W_k r_{k-1})) r_{k-1}^T
                                                    (Meulemans et al. 2021, without K_P)

    Layers follow u at once, and learn from where it ends (DFC-SS). Q_L is 1. Q_k of a hidden layer
    is fixed: W_{k+1}^T .. W_L^T of the initial weights, stored as B_k ``[classes, units]``. On a
    linear network, as lambda -> 0 and with this Q, one step is backprop times dt, and at rest the
    signals are Q (J Q + alpha)^-1 e, damped Gauss-Newton.
    """

    traits = Traits(
        "feedback control", "Meulemans et al.", 2021,
        teacher="above", feedback="fixed", second_pass=True, settling=True, networks="blocks",
        same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        target_step: Positive = 0.1,
        steps: Count = 10,
        dt: Positive = 0.03,
        leak: NotNegative = 0.1,
        **base: Any,
    ) -> None:
        """
        Args:
            target_step: lambda, how far the output's target lies down the loss.
            steps: T, of the controller.
            dt: size of a step; times the eigenvalues of J Q, which grow, it must stay below 2.
            leak: alpha, of the controller.
        """
        super().__init__(net, **base)
        if not all(isinstance(b, Block) and isinstance(b.synapse, nn.Linear) for b in net.blocks):
            raise UserError("dfc needs fully connected layers: mlp")
        self.target_step, self.steps, self.dt, self.leak = target_step, steps, dt, leak
        self.blocks: list[Block] = list(net.blocks)  # type: ignore[arg-type]
        weights = [block.synapse.get_parameter("weight").detach() for block in self.blocks]
        B = torch.eye(len(weights[-1]), dtype=weights[-1].dtype)
        for k in reversed(range(1, len(weights))):
            B = B @ weights[k]
            self.register_buffer(f"B{k - 1}", B)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        with torch.no_grad():
            logits, _, _ = self.controlled(x, None)
            target = logits - self.target_step * output_error(logits, y, self.loss)
            u = torch.zeros_like(logits)
            for _ in range(self.steps):
                r_L, _, _ = self.controlled(x, u)
                u = u + self.dt * (target - r_L - self.leak * u)
            _, gained, below = self.controlled(x, u)
        a = [block.affine(r) for block, r in zip(self.blocks, below, strict=True)]
        return Credit(local_update([-g / self.target_step for g in gained], a), logits)

    def controlled(self, x: Tensor, u: Tensor | None) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """r_L under a control u, f(v_k) - f(W_k r_{k-1}) of each block, and what each one reads."""
        *hidden, output = self.blocks
        gained, below = [], [x]
        for k, block in enumerate(hidden):
            a = block.affine(below[-1])
            free = block.activate(a)
            r = free if u is None else block.activate(a + u @ self.get_buffer(f"B{k}"))
            gained.append(r - free)
            below.append(r)
        a = output.affine(below[-1])
        return (
            (a if u is None else a + u),
            [*gained, torch.zeros_like(a) if u is None else u],
            below,
        )
