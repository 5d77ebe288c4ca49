"""Direct random target projection (Frenkel, Lefebvre & Bol 2021)."""

import math
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.angles import angle, direct_pairs
from benchmark.credit.losses import forward_cut_unpooled, local_update, one_hot, output_error
from benchmark.networks import Network
from benchmark.networks.init import Init, draw
from benchmark.options import NotNegative
from benchmark.traits import Traits


class DRTP(Algorithm):
    """Direct random target projection: hidden layers learn from the label alone, before any error.

        delta_k = (B_k y*) * f'(a_k),   delta_L = e        (Frenkel et al. 2021, eq. 5)
        Delta W_k = -lr delta_k h_{k-1}^T

    y* is the one-hot label, with positive sign as in the authors' code. B_k y* enters at the
    activation's output, before pooling. Their code divides the output layer's update by the batch
    size but not the hidden layers'; here both are, and ``feedback_scale`` sets the ratio.
    """

    traits = Traits(
        "feedback alignment", "Frenkel et al.", 2021,
        teacher="label", feedback="fixed", same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        feedback_init: Init = "he_uniform",
        feedback_scale: NotNegative = 1.0,
        **base: Any,
    ) -> None:
        """
        Args:
            feedback_init: distribution of B_k ``[classes, units]``; he_uniform is the authors'.
            feedback_scale: factor on B_k.
        """
        super().__init__(net, **base)
        classes = net.shapes()[-1][0]
        with torch.no_grad():
            hidden, _ = forward_cut_unpooled(net.eval().blocks, net.example())
            net.train()
        for k, h in enumerate(hidden):
            B = draw(feedback_init, (classes, math.prod(h.shape[1:])), self.feedback_stream(k))
            self.register_buffer(f"B{k}", feedback_scale * B)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        hidden, logits = forward_cut_unpooled(self.net.blocks, x)
        label = one_hot(y, logits.detach())
        delta = [(label @ self.get_buffer(f"B{k}")).view_as(h_k) for k, h_k in enumerate(hidden)]
        e = output_error(logits, y, self.loss)
        return Credit(local_update([*delta, e], [*hidden, logits]), logits)

    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The angle of -B_k with the weights downstream: y* stands for -e, of which it is part."""
        pairs = direct_pairs(self, self.net)
        return {f"feedback/{name}": angle(-B, W) for name, (B, W) in pairs.items()}
