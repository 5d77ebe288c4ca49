"""Backpropagation with a loss at every layer (Lee et al. 2015): the baseline of local losses."""

from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.local_losses import LocalLosses
from benchmark.traits import Traits


class BPDeepSup(LocalLosses):
    """Deep supervision: backprop of the sum of the losses that local rules descend one by one.

        Delta theta = -lr d(l(z_L, y) + sum_k l(A_k h_k, y))/dtheta

    (Lee et al. 2015, deeply-supervised nets). What dgl lacks to this is the error between layers,
    and nothing else.
    """

    traits = Traits(
        "local losses", "Lee et al.", 2015,
        teacher="above", transport="weights", feedback="learned", backward_pass=True,
        same_steps=True,
    )  # fmt: skip

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        logits = self.predictions(x, cut=False)
        first, *others = self.losses(logits, y)
        return Credit(sum(others, first), logits[-1])
