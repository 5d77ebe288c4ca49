"""A learning rule to copy: one file, its equation, its options, its update.

Copy this file to where you work and rename it and the class, say to ``mine.py`` and ``Mine``. Then
``python -m benchmark bench --algorithm mine:Mine`` trains it beside backprop. It is complete as it
stands: direct feedback alignment whose signal may fade, or grow, on its way down.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import forward_cut, local_update, output_error
from benchmark.networks import Network
from benchmark.networks.init import draw
from benchmark.traits import Traits


class Template(Algorithm):
    """Feedback alignment by broadcast: each hidden layer gets the output error through weights B_k.

        delta_k = gain^(L-1-k) (B_k e) * f'(a_k),   delta_L = e        (name the paper's equation)
        Delta W_k = -lr delta_k h_{k-1}^T

    B_k is stored as ``[classes, units of h_k]``. The first line above is what ``list`` prints.
    """

    # What the rule promises: see benchmark/traits.py. Leave same_steps out where Python decides by
    # the step, or where a draw has a stream of its own: such steps cannot be repeated.
    traits = Traits(
        "feedback alignment", "(the paper's authors)", 2026,
        teacher="error", feedback="fixed", same_steps=True,
    )  # fmt: skip

    def __init__(self, net: Network, *, gain: float = 1.0, **base: Any) -> None:
        """
        Args:
            gain: factor on the signal for each layer between a layer and the output.
        """
        # Options are typed keyword arguments with defaults: they become --algorithm.gain, and the
        # text under Args its help.
        super().__init__(net, **base)
        *hidden, (classes,) = net.shapes()[1:]
        for k, shape in enumerate(hidden):
            scale = gain ** (len(hidden) - 1 - k)
            B = draw("lecun_uniform", (classes, math.prod(shape)), self.feedback_stream(k))
            self.register_buffer(f"B{k}", scale * B)  # what outlives a step belongs in buffers

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        """A scalar whose gradient is the update: here sum_k <delta_k, h_k> / N."""
        *hidden, logits = h = forward_cut(self.net.blocks, x)  # no gradient crosses a block
        e = output_error(logits, y, self.loss)
        delta = [(e @ self.get_buffer(f"B{k}")).view_as(h_k) for k, h_k in enumerate(hidden)]
        return Credit(local_update([*delta, e], h), logits)

    # What else a rule may define; see benchmark/algorithm.py for each.
    #
    #   predict(x)         class scores, where they are not net(x)
    #   param_groups()     named groups of parameters, each with a learning rate of its own
    #   before_step(x)     refresh what is no gradient step: signs, mirrored weights
    #   feedback_phase(x)  scalars that are descended one after the other before credit
    #   credits(x, y)      several updates a batch, one after the other, in place of one credit
    #   reference(x, y)    the loss whose gradient measurements compare the update with
    #   measurements(x, y) scalars of its own, recorded beside the alignment angles
    #
    # All randomness within a step comes from self.noise.
