"""Forward gradients, on activities or weights (Baydin et al. 2022; Ren et al. 2023)."""

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.func import functional_call

from benchmark.algorithm import Credit
from benchmark.algorithms.families.perturbed import Perturbed
from benchmark.credit.losses import Loss, local_update, task_loss
from benchmark.credit.noisy_passes import affine_cut, perturbed, sample_losses
from benchmark.networks import Network
from benchmark.traits import Traits


class FG(Perturbed):
    """The forward gradient: the slope of the loss along a random direction, times the direction.

        d = sum_k <dl/da_k, xi_k>,   xi_k ~ N(0, I)         one pass of forward-mode derivatives
        Delta W_k = -lr d xi_k h_{k-1}^T                    (Ren et al. 2023, eq. 6)

    for each sample, averaged over the batch: np without a finite step. Its mean over xi is the
    gradient. The direction's way up to the loss is W_k's own, so all layers above are read.

    With ``along=weights`` the direction is one of all weights, and the batch has one slope:

        Delta W = -lr <dJ/dW, Psi> Psi,   Psi ~ N(0, I)     (Baydin et al. 2022)

    which is wp without a finite step, with its variance.
    """

    traits = Traits(
        "perturbation", "Ren et al.", 2023,
        teacher="above", transport="weights", second_pass=True, noise=True, networks="blocks",
        same_steps=True,
    )  # fmt: skip

    def __init__(
        self, net: Network, *, along: Literal["activities", "weights"] = "activities", **base: Any
    ) -> None:
        """
        Args:
            along: what the random direction is one of.
        """
        super().__init__(net, **base)
        self.along = along
        if along == "weights":  # loss and slope are those of one pass
            self.traits = replace(self.traits, second_pass=self.draws > 1)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        return self.along_weights(x, y) if self.along == "weights" else self.along_activities(x, y)

    def along_weights(self, x: Tensor, y: Tensor) -> Credit:
        W = {name: w for name, w in self.net.named_parameters() if w.requires_grad}
        with torch.no_grad():
            update = {name: torch.zeros_like(w) for name, w in W.items()}
            for _ in range(self.draws):
                Psi = dict(zip(W, self.directions(W.values()), strict=True))
                _, slope, logits = torch.func.jvp(  # type: ignore[misc]
                    lambda W: with_logits(functional_call(self.net, W, (x,)), y, self.loss),
                    ({name: w.detach() for name, w in W.items()},),
                    (Psi,),
                    has_aux=True,
                )
                for name, psi in Psi.items():
                    update[name].add_(slope * psi / self.draws)
        objective = torch.stack([(update[name] * w).sum() for name, w in W.items()]).sum()
        return Credit(objective, logits, self.read(x))

    def along_activities(self, x: Tensor, y: Tensor) -> Credit:
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


def with_logits(logits: Tensor, y: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """The task loss of logits, and they."""
    return task_loss(logits, y, loss), logits
