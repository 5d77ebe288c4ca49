"""Indirect feedback alignment (Nøkland 2016)."""

import math
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import local_update, output_error
from benchmark.credit.passes import linear_part, pushed
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.networks.init import Init, draw
from benchmark.options import NotNegative
from benchmark.traits import Traits


class IFA(Algorithm):
    """Indirect feedback alignment: the error enters the first hidden layer and travels forwards.

        delta_1 = (B e) * f'(a_1)                          (Nøkland 2016, eq. 8)
        delta_k = (W_k delta_{k-1}) * f'(a_k),   delta_L = e
        Delta W_k = -lr delta_k h_{k-1}^T

    B e enters at the output of the first block, as in dfa, and W_k delta_{k-1} above it before the
    activation's derivative; on the way up a delta passes pooling as activities do. With one hidden
    layer ifa is dfa.
    """

    traits = Traits(
        "feedback alignment", "Nøkland", 2016,
        teacher="error", feedback="fixed", second_pass=True, networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        feedback_init: Init = "lecun_uniform",
        feedback_scale: NotNegative = 1.0,
        **base: Any,
    ) -> None:
        """
        Args:
            feedback_init: distribution of B; lecun_uniform is Nøkland's U(+-1/sqrt(units)).
            feedback_scale: factor on B.
        """
        super().__init__(net, **base)
        if not all(isinstance(block, Block) for block in net.blocks):
            raise UserError("ifa needs a network of plain blocks (one synapse each): mlp, lenet")
        _, first, *_, (classes,) = net.shapes()
        B = draw(feedback_init, (classes, math.prod(first)), self.feedback_stream(0))
        self.register_buffer("B0", feedback_scale * B)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        blocks: list[Block] = list(self.net.blocks)  # type: ignore[arg-type]
        *blocks, output = blocks
        a, h = [], []  # preactivations, and activities before pooling
        for block in blocks:
            a.append(block.affine(x))
            h.append(block.activate(a[-1]))
            x = block.subsample(h[-1]).detach()
        logits = output(x)
        e = output_error(logits, y, self.loss)
        with torch.no_grad():
            unpool = torch.func.vjp(blocks[0].subsample, h[0].detach())
            delta = list(unpool[1]((e @ self.get_buffer("B0")).view_as(unpool[0])))
            for below, block, a_k in zip(blocks, blocks[1:], a, strict=False):
                delta.append(linear_part(block, pushed(below, a_k, delta[-1])))
        return Credit(local_update([*delta, e], [*h, logits]), logits)
