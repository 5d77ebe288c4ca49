"""Deep feedback control (Meulemans et al. 2021), with instant dynamics."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import local_update, output_error
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.networks.init import draw
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

    With ``feedback=learned`` Q_k is drawn, and learns before each step of the forward weights,
    while the controller holds the output where it is against noise on all hidden layers:

        Delta Q_k = -lr_Q (v_k^A u^T / sigma^2 + beta Q_k),   v_k^A = Q_k u + sigma xi_k

    u answers what the noise did to the output, so that Q_k turns to the rows of J_k. Noise that
    stays while the controller works, in place of one that varies and a filtered u, is our choice.
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
        feedback: Literal["fixed", "learned"] = "fixed",
        feedback_lr: NotNegative = 0.001,
        sigma: Positive = 0.1,
        decay: NotNegative = 0.1,
        **base: Any,
    ) -> None:
        """
        Args:
            target_step: lambda, how far the output's target lies down the loss.
            steps: T, of the controller.
            dt: size of a step; times the eigenvalues of J Q, which grow, it must stay below 2.
            leak: alpha, of the controller.
            feedback: Q_k of the initial weights, or drawn and learned.
            feedback_lr: learning rate of Q_k.
            sigma: standard deviation of the noise by which Q_k learns.
            decay: beta, of Q_k.
        """
        super().__init__(net, **base)
        if not all(isinstance(b, Block) and isinstance(b.synapse, nn.Linear) for b in net.blocks):
            raise UserError("dfc needs fully connected layers: mlp")
        self.target_step, self.steps, self.dt, self.leak = target_step, steps, dt, leak
        self.blocks: list[Block] = list(net.blocks)  # type: ignore[arg-type]
        self.learned: nn.ParameterList | None = None
        if feedback == "learned":
            self.feedback_lr, self.sigma, self.decay = feedback_lr, sigma, decay
            *units, classes = (
                block.synapse.get_parameter("weight").shape[0] for block in self.blocks
            )
            self.learned = nn.ParameterList(
                nn.Parameter(draw("lecun_uniform", (classes, n), self.feedback_stream(k)))
                for k, n in enumerate(units)
            )
            self.traits = replace(self.traits, feedback="learned", noise=True)
            return
        weights = [block.synapse.get_parameter("weight").detach() for block in self.blocks]
        B = torch.eye(len(weights[-1]), dtype=weights[-1].dtype)
        for k in reversed(range(1, len(weights))):
            B = B @ weights[k]
            self.register_buffer(f"B{k - 1}", B)

    def param_groups(self) -> list[dict[str, Any]]:
        groups = super().param_groups()
        if self.learned is not None:
            groups.append({"name": "feedback", "params": [*self.learned], "lr": self.feedback_lr})
        return groups

    @property
    def B(self) -> list[Tensor]:
        """Q_k^T of the hidden layers."""
        if self.learned is not None:
            return [*self.learned]
        return [self.get_buffer(f"B{k}") for k in range(len(self.blocks) - 1)]

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        if self.learned is None:
            return
        with torch.no_grad():
            free, gained, _ = self.controlled(x, None)
            noise = [
                self.sigma * torch.empty_like(g).normal_(generator=self.noise) for g in gained[:-1]
            ]
            u = self.control(x, free, noise)
            slopes = [
                u.T @ (u @ B + n) / (self.sigma**2 * len(x)) + self.decay * B
                for B, n in zip(self.B, noise, strict=True)
            ]
        yield torch.stack([(s * B).sum() for s, B in zip(slopes, self.B, strict=True)]).sum()

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        with torch.no_grad():
            logits, _, _ = self.controlled(x, None)
            target = logits - self.target_step * output_error(logits, y, self.loss)
            u = self.control(x, target)
            _, gained, below = self.controlled(x, u)
        a = [block.affine(r) for block, r in zip(self.blocks, below, strict=True)]
        return Credit(local_update([-g / self.target_step for g in gained], a), logits)

    def control(self, x: Tensor, target: Tensor, noise: Sequence[Tensor] = ()) -> Tensor:
        """u after T steps towards a target of the output, ``[N, classes]``."""
        u = torch.zeros_like(target)
        for _ in range(self.steps):
            r_L, _, _ = self.controlled(x, u, noise)
            u = u + self.dt * (target - r_L - self.leak * u)
        return u

    def controlled(
        self, x: Tensor, u: Tensor | None, noise: Sequence[Tensor] = ()
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """r_L under a control u, f(v_k) - f(W_k r_{k-1}) of each block, and what each one reads.

        ``noise`` is added to the preactivations of the hidden layers, if there is any.
        """
        *hidden, output = self.blocks
        gained, below = [], [x]
        for k, block in enumerate(hidden):
            a = block.affine(below[-1])
            free = block.activate(a)
            v = a + noise[k] if noise else a
            r = free if u is None else block.activate(v + u @ self.B[k])
            gained.append(r - free)
            below.append(r)
        a = output.affine(below[-1])
        return (
            (a if u is None else a + u),
            [*gained, torch.zeros_like(a) if u is None else u],
            below,
        )
