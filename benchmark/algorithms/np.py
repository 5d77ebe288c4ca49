"""Node perturbation (Widrow & Lehr 1990; Fiete & Seung 2006; Dalm et al. 2023)."""

from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.perturbed import Perturbed
from benchmark.credit.losses import local_update
from benchmark.credit.noisy_passes import affine_cut, perturbed, sample_losses
from benchmark.networks import Network
from benchmark.options import Positive
from benchmark.traits import Traits


class NP(Perturbed):
    """Node perturbation: noise on every unit, and one number that says whether it did good.

        a_k^noisy = W_k h_{k-1}^noisy + sigma xi_k,   xi_k ~ N(0, I)
        Delta W_k = -lr (l^noisy - l) / sigma xi_k h_{k-1}^T     (Dalm et al. 2023, eq. 4)

    for each sample, averaged over the batch. As sigma -> 0 its mean over xi is the gradient.
    """

    traits = Traits(
        "perturbation", "Widrow & Lehr", 1990,
        teacher="error", second_pass=True, noise=True, networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(self, net: Network, *, sigma: Positive = 0.001, **perturbed: Any) -> None:
        """
        Args:
            sigma: size of the noise.
        """
        super().__init__(net, **perturbed)
        self.sigma = sigma

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        a = affine_cut(self.blocks, x)
        with torch.no_grad():
            clean = sample_losses(a[-1], y, self.loss)
            delta = [torch.zeros_like(a_k) for a_k in a]
            for _ in range(self.draws):
                xi = self.directions(a)
                logits = perturbed(self.blocks, x, [self.sigma * xi_k for xi_k in xi])
                gain = (sample_losses(logits, y, self.loss) - clean) / (self.sigma * self.draws)
                for delta_k, xi_k in zip(delta, xi, strict=True):
                    delta_k.add_(gain.view(-1, *[1] * (xi_k.dim() - 1)) * xi_k)
        return Credit(local_update(delta, a), a[-1], self.read(x))
