"""Error-based predictive coding (Goemaere et al. 2025): errors, not states, descend the energy."""

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.predicted import Predicted
from benchmark.credit.predictive import Cost, States, energy
from benchmark.traits import Traits


class EPC(Predicted):
    """Predictive coding in other coordinates: each layer holds its error, and what it adds travels.

        h_l = f_l(h_{l-1}) + eps_l,   E(eps) = sum_l 1/2 ||eps_l||^2 + l(f_L(h_{L-1}), target)
        T times    eps_l <- eps_l - lr_h dE/deps_l,   from zero
        then       Delta theta_l = lr eps_l df_l/dtheta_l

    E is pc's energy and has its minima, but the label reaches all layers in one step: dE/deps is
    taken by backpropagation. After one step eps = -lr_h delta, backprop's errors, and as lr_h -> 0
    the hidden layers' update is backprop's times lr_h.
    """

    traits = Traits(
        "predictive coding", "Goemaere et al.", 2025,
        teacher="above", transport="weights", backward_pass=True, second_pass=True, settling=True,
        same_steps=True,
    )  # fmt: skip

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        h, logits = self.feedforward(x)
        cost = self.pull(logits, y, self.beta)
        zero = [torch.zeros_like(h_l) for h_l in h]
        eps = self.relax(zero, lambda eps: self.slopes(x, eps, cost))
        with torch.no_grad():
            states, _ = self.states(x, eps)
        F = energy(self.net.blocks, x, cost, states)
        return Credit(F / (self.beta * len(x)), logits)

    def states(self, x: Tensor, eps: States) -> tuple[States, Tensor]:
        """h_1 .. h_{L-1} and the logits for given errors."""
        *hidden, output = self.net.blocks
        h: States = []
        for block, e in zip(hidden, eps, strict=True):
            h.append(block(h[-1] if h else x) + e)
        return h, output(h[-1] if h else x)

    def slopes(self, x: Tensor, eps: States, cost: Cost) -> list[Tensor]:
        """dE/deps_l = eps_l + (dh_{L-1}/deps_l)^T dl/dh_{L-1}."""
        with torch.enable_grad():
            leaves = [e.detach().requires_grad_() for e in eps]
            _, logits = self.states(x, leaves)
            down = torch.autograd.grad(cost(logits), leaves)
        return [e + d for e, d in zip(eps, down, strict=True)]
