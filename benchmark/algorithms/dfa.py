"""Direct feedback alignment (Nøkland 2016)."""

import math
from typing import Any

from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.local import forward_cut, local_update, output_error
from benchmark.networks import Network
from benchmark.networks.init import Init, draw


class DFA(Algorithm):
    """Direct feedback alignment: every hidden layer gets the output error through its own matrix.

        delta_k = (B_k e) * f'(a_k),   delta_L = e         (Nøkland 2016, eq. 7)
        Delta W_k = -lr delta_k h_{k-1}^T

    B_k e enters at the output of block k, so the block's own derivatives (activation, pooling,
    dropout) apply. B_k is stored as ``[classes, units of h_k]``. With one hidden layer dfa is fa.
    """

    def __init__(
        self,
        net: Network,
        *,
        feedback_init: Init = "lecun_uniform",
        feedback_scale: float = 1.0,
        **base: Any,
    ) -> None:
        """
        Args:
            feedback_init: distribution of B_k; lecun_uniform is Nøkland's U(+-1/sqrt(units)).
            feedback_scale: factor on B_k.
        """
        super().__init__(net, **base)
        *hidden, (classes,) = net.shapes()[1:]
        for k, shape in enumerate(hidden):
            B = draw(feedback_init, (classes, math.prod(shape)), self.feedback_stream(k))
            self.register_buffer(f"B{k}", feedback_scale * B)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        *hidden, logits = h = forward_cut(self.net.blocks, x)
        e = output_error(logits, y, self.loss)
        delta = [(e @ self.get_buffer(f"B{k}")).view_as(h_k) for k, h_k in enumerate(hidden)]
        return Credit(local_update([*delta, e], h), logits)
