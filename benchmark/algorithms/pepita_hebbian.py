"""PEPITA-Hebbian (Srinivasan et al. 2023): each pass changes weights by its own activities."""

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.modulated import Modulated
from benchmark.credit.losses import local_update, output_error, prediction
from benchmark.credit.passes import per_position
from benchmark.traits import Traits


class PEPITAHebbian(Modulated):
    """PEPITA as an anti-Hebbian term in the standard pass and a Hebbian one in the modulated pass.

        Delta W_k = -lr (h_k h_{k-1}^T - h_k^err (h_{k-1}^err)^T)
        Delta W_L = -lr (p h_{L-1}^T - target (h_{L-1}^err)^T)      (p: output of the standard pass)

    (Srinivasan et al. 2023; their released code overwrites this rule with the plain one, so the
    equation decides.) For ReLU layers the hidden update is half the gradient of
    ||h_k||^2 - ||h_k^err||^2: Forward-Forward with the two passes as negative and positive data.
    """

    traits = Traits(
        "input modulation", "Srinivasan et al.", 2023,
        teacher="error", feedback="fixed", second_pass=True, networks="blocks", same_steps=True,
    )  # fmt: skip

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        standard = self.forward_pass(x)
        with torch.no_grad():
            p = prediction(standard.logits, self.loss)
            e = output_error(standard.logits, y, self.loss)
        modulated = self.modulated_pass(standard, e, x)
        down = local_update([*self.hebbian(standard.h), p], [*standard.a, standard.logits])
        up = local_update([*self.hebbian(modulated.h), p - e], [*modulated.a, modulated.logits])
        return Credit(down - up, standard.logits)

    def hebbian(self, h: list[Tensor]) -> list[Tensor]:
        """Activities as signals for their own layers."""
        return [per_position(h_k, self.conv_update == "published") for h_k in h]
