"""Adaptive feedback alignment (Srinivasan et al. 2023): PEPITA to first order in F."""

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.modulated import Modulated
from benchmark.credit.losses import local_update, output_error
from benchmark.credit.passes import per_position, tangents
from benchmark.traits import Traits


class AFA(Modulated):
    """Adaptive feedback alignment: the error arrives through F and the forward weights themselves.

        delta_k = -f'(a_k) * (W_k d_{k-1}),   d_0 = F e,   d_k = -delta_k
        Delta W_k = -lr delta_k h_{k-1}^T,    Delta W_L = -lr e h_{L-1}^T

    For one hidden layer the error is fed back through W_1 F, which adapts with W_1 (Srinivasan et
    al. 2023). This is the limit of PEPITA's update as F goes to zero.
    """

    traits = Traits(
        "input modulation", "Srinivasan et al.", 2023,
        teacher="error", feedback="fixed", second_pass=True, networks="blocks", same_steps=True,
    )  # fmt: skip

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        standard = self.forward_pass(x)
        with torch.no_grad():
            e = output_error(standard.logits, y, self.loss)
            d = tangents(self.blocks, standard.a, self.response(e, x), self.normalize)
        delta = [per_position(-d_k, self.conv_update == "published") for d_k in d]
        objective = local_update([*delta, e], [*standard.a, standard.logits])
        return Credit(objective, standard.logits)
