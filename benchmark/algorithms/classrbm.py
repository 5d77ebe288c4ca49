"""The classification Boltzmann machine (Larochelle & Bengio 2008): hidden units see x and y."""

from dataclasses import replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.boltzmann import Boltzmann
from benchmark.credit.sampling import bernoulli
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.options import NotNegative
from benchmark.traits import Traits


class ClassRBM(Boltzmann):
    """Classification Boltzmann machine: label and image are both below the topmost hidden layer.

        E(y, v, h) = -h^T W v - b^T v - c^T h - d^T y - h^T U y
        p(y | v) = softmax_y s_y(v),    s_y(v) = d_y + sum_j softplus(c_j + U_jy + W_j v)
        L_disc = -log p(y | v),    L_gen = -log p(y, v),    L_hybrid = L_disc + alpha L_gen

    (Larochelle & Bengio 2008).

    The gradient of L_gen is estimated by contrastive divergence on (v, y) together, that of L_disc
    is exact. U and d are the weights and biases of the last block. Hidden layers below the topmost
    one learn by contrastive divergence alone.
    """

    traits = Traits(
        "Boltzmann machines", "Larochelle & Bengio", 2008,
        teacher="label", transport="output", second_pass=True, noise=True, networks="samples",
        same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        objective: Literal["discriminative", "generative", "hybrid"] = "hybrid",
        alpha: NotNegative = 0.01,
        sparsity: NotNegative = 0.0,
        **boltzmann: Any,
    ) -> None:
        """
        Args:
            objective: what is descended.
            alpha: weight of L_gen in ``hybrid``.
            sparsity: taken from the biases c of the topmost hidden layer at each step.
        """
        super().__init__(net, **boltzmann)
        if self.loss != "cross_entropy":
            raise UserError("classrbm's loss is -log p(y | x): choose --loss cross_entropy")
        if self.chains:
            raise UserError("classrbm samples from the data: leave out chains, or choose cd")
        self.discriminative = float(objective != "generative")
        self.generative = {"discriminative": 0.0, "generative": 1.0, "hybrid": alpha}[objective]
        self.sparsity = sparsity
        if not self.generative and len(self.machines) == 1:  # which then never samples
            self.traits = replace(self.traits, second_pass=False, noise=False)
        self.top = self.machines[-1]

    @property
    def label(self) -> Any:
        """The synapse between label and hidden units: weight U^T ``[classes, H]``, bias d."""
        return self.net.blocks[-1].synapse

    def scores(self, v: Tensor) -> Tensor:
        """s_y(v) for every class y, ``[N, classes]``."""
        U, d = self.label.weight, self.label.bias
        return d + F.softplus(self.top.block.affine(v).unsqueeze(1) + U).sum(2)

    def free_energy(self, v: Tensor, y: Tensor) -> Tensor:
        """F(y, v) = -log sum_h exp(-E(y, v, h)), ``[N]``; ``y`` are class numbers."""
        return -(v @ self.top.b) - self.scores(v).gather(1, y.unsqueeze(1)).squeeze(1)

    def energy_of(self, k: int, v: Tensor) -> Tensor:
        """Of the topmost machine F(v) = -log sum_y exp(-F(y, v)), ``[N]``."""
        if k < len(self.machines) - 1:
            return super().energy_of(k, v)
        return -(v @ self.top.b) - self.scores(v).logsumexp(1)

    def fantasies(self, v: Tensor, y: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
        """With one machine, images and classes are sampled together."""
        whole = len(self.machines) == 1
        return self.gibbs(v, y, rounds) if whole else super().fantasies(v, y, rounds)

    @torch.no_grad()
    def gibbs(self, v: Tensor, y: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
        """v and y after rounds (v, y) -> h -> (v, y) of sampling."""
        for _ in range(rounds):
            h = bernoulli(
                torch.sigmoid(self.top.block.affine(v) + self.label.weight[y]), self.noise
            )
            v = bernoulli(self.top.visible(h), self.noise)
            y = torch.multinomial(self.label(h).softmax(1), 1, generator=self.noise).squeeze(1)
        return v, y

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        v, objective = x.flatten(1), x.new_zeros(())
        for k, machine in enumerate(self.machines[:-1]):
            objective = objective + self.contrast(k, v)
            v = machine.hidden(v).detach()
        logits = self.scores(v)
        if self.learns(len(self.machines) - 1):
            objective = objective + self.discriminative * F.cross_entropy(logits, y)
            c: Any = self.top.block.synapse.bias
            objective = objective + self.sparsity / self.optim.lr * c.sum()
            if self.generative:
                F_data = self.free_energy(v, y).mean()
                F_samples = self.free_energy(*self.gibbs(v, y, self.steps)).mean()
                objective = objective + self.generative * (F_data - F_samples)
        return Credit(objective, logits)

    def predict(self, x: Tensor) -> Tensor:
        v = x.flatten(1)
        for machine in self.machines[:-1]:
            v = machine.hidden(v)
        return self.scores(v)
