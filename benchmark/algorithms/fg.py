"""Forward gradients, on activities or weights (Baydin et al. 2022; Ren et al. 2023)."""

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from benchmark.algorithm import Credit
from benchmark.algorithms.families.local_losses import linear_heads
from benchmark.algorithms.families.perturbed import Perturbed
from benchmark.credit.losses import Loss, local_update, task_loss
from benchmark.credit.noisy_passes import affine_cut, perturbed, sample_losses
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.traits import Traits


class FG(Perturbed):
    """The forward gradient: the slope of the loss along a random direction, times the direction.

        d = sum_k <dl/da_k, xi_k>,   xi_k ~ N(0, I)         one pass of forward-mode derivatives
        Delta W_k = -lr d xi_k h_{k-1}^T                    (Ren et al. 2023, eq. 3)

    for each sample, averaged over the batch: np without a finite step. Its mean over xi is the
    gradient. The direction's way up to the loss is W_k's own, so all layers above are read. The
    paper leaves silent units of a ReLU unperturbed (sec. 3.6), which is not done here.

    With ``along=weights`` the direction is one of all weights, and the batch has one slope:

        Delta W = -lr <dJ/dW, Psi> Psi,   Psi ~ N(0, I)     (Baydin et al. 2022)

    which is wp without a finite step, with its variance.

    With ``losses=local`` each hidden layer has a loss of its own, by a linear head:

        d_k = <dl(A_k h_k, y)/da_k, xi_k>,   Delta W_k = -lr d_k xi_k h_{k-1}^T,   h_{k-1} held

    (Ren et al. 2023, sec. 4, LG-FG-A). Its mean over xi_k is dgl's gradient, and its variance grows
    with the units of one layer. The heads A_k and the output, right below their losses, descend the
    gradient itself, as in the authors' code; their LocalMixer networks are not among ours.
    """

    traits = Traits(
        "perturbation", "Ren et al.", 2023,
        teacher="above", transport="weights", second_pass=True, noise=True, networks="blocks",
        same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        along: Literal["activities", "weights"] = "activities",
        losses: Literal["global", "local"] = "global",
        **base: Any,
    ) -> None:
        """
        Args:
            along: what the random direction is one of.
            losses: that of the output, or one at every layer.
        """
        super().__init__(net, **base)
        self.along = along
        if along == "weights":  # loss and slope are those of one pass
            self.traits = replace(self.traits, second_pass=self.draws > 1)
        self.heads: nn.ModuleList | None = None
        if losses == "local":
            if along == "weights":
                raise UserError("fg has local losses along activities alone: leave out one of both")
            self.heads = linear_heads(self, bias=True)
            self.traits = replace(
                self.traits, teacher="label", transport="none", feedback="learned",
                second_pass=False,
            )  # fmt: skip

    def param_groups(self) -> list[dict[str, Any]]:
        forward, *others = super().param_groups()
        if self.heads is not None:
            forward["params"] = [*forward["params"], *self.heads.parameters()]
        return [forward, *others]

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        if self.heads is not None:
            return self.of_local_losses(x, y, self.heads)
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
                    delta_k.add_(each(slope, xi_k) * xi_k / self.draws)
        return Credit(local_update(delta, a), a[-1], self.read(x))

    def of_local_losses(self, x: Tensor, y: Tensor, heads: nn.ModuleList) -> Credit:
        *a, logits = affine_cut(self.blocks, x)
        layers = list(zip(self.blocks, heads, strict=False))
        with torch.no_grad():
            delta = [torch.zeros_like(a_k) for a_k in a]
            for _ in range(self.draws):
                for k, xi_k in enumerate(self.directions(a)):
                    slope = torch.func.jvp(
                        lambda a_k, k=k: sample_losses(predicted(*layers[k], a_k), y, self.loss),
                        (a[k].detach(),),
                        (xi_k,),
                    )[1]
                    delta[k].add_(each(slope, xi_k) * xi_k / self.draws)
        objective = local_update(delta, a) + task_loss(logits, y, self.loss)
        for layer, a_k in zip(layers, a, strict=True):
            objective = objective + task_loss(predicted(*layer, a_k.detach()), y, self.loss)
        return Credit(objective, logits, self.read(x))


def each(slope: Tensor, xi: Tensor) -> Tensor:
    """A slope for each sample, ``[N]``, in the dimensions of ``xi`` ``[N, ...]``."""
    return slope.view(-1, *[1] * (xi.dim() - 1))


def predicted(block: Block, head: nn.Module, a: Tensor) -> Tensor:
    """Logits of a block's head, from its preactivations."""
    return head(block.subsample(block.activate(a)).flatten(1))  # type: ignore[no-any-return]


def with_logits(logits: Tensor, y: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """The task loss of logits, and they."""
    return task_loss(logits, y, loss), logits
