"""Direct feedback alignment (Nøkland 2016)."""

import math
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import forward_cut, local_update, output_error
from benchmark.networks import Network
from benchmark.networks.init import Init, draw
from benchmark.options import NotNegative
from benchmark.traits import Traits


class DFA(Algorithm):
    """Direct feedback alignment: every hidden layer gets the output error through its own matrix.

        delta_k = (B_k e) * f'(a_k),   delta_L = e         (Nøkland 2016, eq. 7)
        Delta W_k = -lr delta_k h_{k-1}^T

    B_k e enters at the output of block k, so the block's own derivatives (activation, pooling,
    dropout) apply. B_k is stored as ``[classes, units of h_k]``. With one hidden layer dfa is fa.

    With ``feedback=shared`` all layers read one matrix of the widest layer's size: B_k is its first
    columns, times sqrt(widest / units) so that its entries have the size a draw of its own gives
    (Launay et al. 2020).
    """

    traits = Traits(
        "feedback alignment", "Nøkland", 2016,
        teacher="error", feedback="fixed", same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        feedback: Literal["per_layer", "shared"] = "per_layer",
        feedback_init: Init = "lecun_uniform",
        feedback_scale: NotNegative = 1.0,
        **base: Any,
    ) -> None:
        """
        Args:
            feedback: a matrix for each layer, or one that all layers share.
            feedback_init: distribution of B_k; lecun_uniform is Nøkland's U(+-1/sqrt(units)).
            feedback_scale: factor on B_k.
        """
        super().__init__(net, **base)
        *hidden, (classes,) = net.shapes()[1:]
        self.units = [math.prod(shape) for shape in hidden]
        self.shared = feedback == "shared"
        sizes = [max(self.units)] if self.shared else self.units
        for k, n in enumerate(sizes):
            B = draw(feedback_init, (classes, n), self.feedback_stream(k))
            self.register_buffer(f"B{k}", feedback_scale * B)

    def send(self, e: Tensor, k: int) -> Tensor:
        """B_k e for the k-th hidden layer, ``[N, units]``."""
        if not self.shared:
            return e @ self.get_buffer(f"B{k}")
        B = self.get_buffer("B0")[:, : self.units[k]]
        return (e * math.sqrt(max(self.units) / self.units[k])) @ B

    @torch.no_grad()
    def input_signal(self, x: Tensor, y: Tensor) -> Tensor:
        """(dh_1/dx)^T B_1 e: from where B_1 e enters, through the first block to the input."""
        into_first = torch.func.vjp(self.net.blocks[0], x)
        e = output_error(self.net(x), y, self.loss)
        return into_first[1](self.send(e, 0).view_as(into_first[0]))[0]

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        *hidden, logits = h = forward_cut(self.net.blocks, x)
        e = output_error(logits, y, self.loss)
        delta = [self.send(e, k).view_as(h_k) for k, h_k in enumerate(hidden)]
        return Credit(local_update([*delta, e], h), logits)
