"""Dual propagation (Høier et al. 2023), and its adjoint variant (Høier & Zach 2024)."""

from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import local_update, output_error
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.options import Count, Positive, Range
from benchmark.traits import Traits


class DualProp(Algorithm):
    """Dual propagation: each unit has two states, nudged apart; their mean goes up, their gap down.

        h+_k = f(a_k + alpha Delta_k),   h-_k = f(a_k - (1 - alpha) Delta_k)
        a_k = W_k hbar_{k-1},   hbar_k = alpha h+_k + (1 - alpha) h-_k
        Delta_k = W_{k+1}^T (h+_{k+1} - h-_{k+1}),   h+_L - h-_L = -beta e
        Delta W_k = lr / beta (h+_k - h-_k) hbar_{k-1}^T              (Høier et al. 2023)

    The ``adjoint`` form (DP^T, Høier & Zach 2024) nudges h+ by 1 - alpha and h- by alpha, so that
    Delta leaves hbar alone to first order, and is stable for every alpha. Both are the same at
    alpha = 1/2, and backprop as beta -> 0; the adjoint form on a linear network for any beta. With
    alpha = 0 its hbar is the forward pass, and one sweep down the fixed point. A pooled layer's
    states are those before the pooling.
    """

    traits = Traits(
        "settling", "Høier et al.", 2023,
        teacher="above", transport="weights", second_pass=True, settling=True, networks="blocks",
        same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        alpha: Annotated[float, Range(least=0, most=1)] = 0.5,
        beta: Positive = 0.1,
        form: Literal["original", "adjoint"] = "adjoint",
        sweeps: Count = 1,
        **base: Any,
    ) -> None:
        """
        Args:
            alpha: weight of h+ in the mean.
            beta: strength of the nudging.
            form: which of the two nudgings.
            sweeps: downwards through the layers, each but the first after one upwards.
        """
        super().__init__(net, **base)
        if not all(isinstance(block, Block) for block in net.blocks):
            raise UserError("dualprop needs plain blocks (one synapse each): mlp, lenet")
        self.alpha, self.beta, self.sweeps = alpha, beta, sweeps
        self.nudges = (alpha, 1 - alpha) if form == "original" else (1 - alpha, alpha)
        self.blocks: list[Block] = list(net.blocks)  # type: ignore[arg-type]

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        delta, below, logits = self.settle(x, y)
        a = [block.affine(h) for block, h in zip(self.blocks, below, strict=True)]
        return Credit(local_update(delta, a), logits)

    @torch.no_grad()
    def settle(self, x: Tensor, y: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """(h-_k - h+_k) / beta of each block, what its synapse reads, and the logits before all."""
        *hidden, output = self.blocks
        h, below = [], [x]
        for block in hidden:
            h.append(block.activate(block.affine(below[-1])))
            below.append(block.subsample(h[-1]))
        a_L = logits = output.affine(below[-1])
        nudge = [torch.zeros_like(h_k) for h_k in h]
        gap = [*nudge, -self.beta * output_error(a_L, y, self.loss)]
        for sweep in range(self.sweeps):
            if sweep:
                for k, block in enumerate(hidden):
                    h[k], _ = self.dyad(block, block.affine(below[k]), nudge[k])
                    below[k + 1] = block.subsample(h[k])
                a_L = output.affine(below[-1])
                gap[-1] = -self.beta * output_error(a_L, y, self.loss)
            a = [block.affine(h_k) for block, h_k in zip(hidden, below, strict=False)]
            for k in reversed(range(len(hidden))):
                nudge[k] = self.sent_down(k, h[k], gap[k + 1])
                h[k], gap[k] = self.dyad(hidden[k], a[k], nudge[k])
                below[k + 1] = hidden[k].subsample(h[k])
        return [-d / self.beta for d in gap], below, logits

    def dyad(self, block: Block, a: Tensor, nudge: Tensor) -> tuple[Tensor, Tensor]:
        """Mean hbar and gap h+ - h- of the two states of a block."""
        up, down = self.nudges
        plus, minus = block.activate(a + up * nudge), block.activate(a - down * nudge)
        return self.alpha * plus + (1 - self.alpha) * minus, plus - minus

    def sent_down(self, k: int, h: Tensor, gap: Tensor) -> Tensor:
        """Delta_k = (da_{k+1}/dh_k)^T (h+_{k+1} - h-_{k+1}), from block k's states ``h``."""
        with torch.enable_grad():
            leaf = h.detach().requires_grad_()
            a = self.blocks[k + 1].affine(self.blocks[k].subsample(leaf))
            return torch.autograd.grad(a, leaf, gap)[0]
