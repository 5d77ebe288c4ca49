"""Forward gradients on activities (Baydin et al. 2022; Ren et al. 2023)."""

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.perturbed import Perturbed
from benchmark.credit.losses import local_update
from benchmark.credit.noisy_passes import affine_cut, perturbed, sample_losses
from benchmark.traits import Traits


class FG(Perturbed):
    """The forward gradient, activity-perturbed: the slope of the loss along a random direction.

        d = sum_k <dl/da_k, xi_k>,   xi_k ~ N(0, I)         one pass of forward-mode derivatives
        Delta W_k = -lr d xi_k h_{k-1}^T                    (Ren et al. 2023, eq. 6)

    for each sample, averaged over the batch: np without a finite step. Its mean over xi is the
    gradient. The direction's way up to the loss is W_k's own, so all layers above are read.
    """

    traits = Traits(
        "perturbation", "Ren et al.", 2023,
        teacher="above", transport="weights", second_pass=True, noise=True, networks="blocks",
        same_steps=True,
    )  # fmt: skip

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        a = affine_cut(self.blocks, x)
        with torch.no_grad():
            delta = [torch.zeros_like(a_k) for a_k in a]
            zero = tuple(torch.zeros_like(a_k) for a_k in a)
            for _ in range(self.draws):
                xi = self.directions(a)
                slope = torch.func.jvp(
                    lambda *n: sample_losses(perturbed(self.blocks, x, n), y, self.loss),
                    zero,
                    tuple(xi),
                )[1]
                for delta_k, xi_k in zip(delta, xi, strict=True):
                    delta_k.add_(slope.view(-1, *[1] * (xi_k.dim() - 1)) * xi_k / self.draws)
        return Credit(local_update(delta, a), a[-1], self.read(x))
