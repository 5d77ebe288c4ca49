"""Equilibrium propagation with separate forward and backward weights (a vector field)."""

from dataclasses import replace
from typing import Any, Literal

from torch import Tensor, nn

from benchmark.algorithms.ep import EP
from benchmark.credit.settling import Phi, States, inner, input_drive
from benchmark.networks import Network
from benchmark.networks.init import Init, draw
from benchmark.options import NotNegative


class EPVF(EP):
    """Equilibrium propagation in a vector field: W_k drives layer k, B_{k+1} brings k+1 back to k.

        s_k <- sigma(F_k),   F_k = P_k(W_k s_{k-1} + b_k) + B_{k+1}^T P_{k+1}^-1(s_{k+1})

        own    Delta theta = lr (s^beta1 - s^beta2) dF/dtheta(s*) / (beta1 - beta2)
        same   Delta W = Delta B = ep's Delta W

    ``own`` is Scellier et al. 2018, eq. 10, at the free state s*, where W learns from its target
    layer's change and B from its own. ``same`` gives both what ep gives W, so that with weight
    decay they align (Laborieux et al. 2021, sec. 2.4). P^-1 unpools at the places that W's
    convolution pooled.
    """

    traits = replace(
        EP.traits, paper="Scellier et al.", year=2018, transport="none", feedback="learned"
    )

    def __init__(
        self,
        net: Network,
        *,
        updates: Literal["same", "own"] = "same",
        feedback_init: Init = "lecun_uniform",
        feedback_lr: NotNegative | None = None,
        **ep: Any,
    ) -> None:
        """
        Args:
            updates: of B: the same as W's, or its own.
            feedback_init: initial B_k, independent of W_k.
            feedback_lr: learning rate of B; by default the optimizer's.
        """
        super().__init__(net, **ep)
        self.updates, self.feedback_lr = updates, feedback_lr
        if self.output.readout is not None:  # it nudges the layer below through its transpose
            self.traits = replace(self.traits, transport="output")
        self.backward_weights = nn.ParameterList()
        for k, block in enumerate(self.settling[1:]):
            B = draw(feedback_init, block.synapse.weight.shape, self.feedback_stream(k))
            self.backward_weights.append(B)

    def param_groups(self) -> list[dict[str, Any]]:
        feedback: dict[str, Any] = {"name": "feedback", "params": [*self.backward_weights]}
        if self.feedback_lr is not None:
            feedback["lr"] = self.feedback_lr
        return super().param_groups() + [feedback] * bool(feedback["params"])

    def phi(self, x: Tensor) -> Phi:
        drive = input_drive(self.settling[0], x)
        return Phi(self.settling, self.sigma, drive, list(self.backward_weights))

    def contrast(self, phi: Phi, free: States, s1: States, s2: States) -> Tensor:
        if self.updates == "same":
            return inner(s1, phi.drives(s1)) - inner(s2, phi.drives(s2))
        change = [a - b for a, b in zip(s1, s2, strict=True)]
        return inner(change, phi.drives(free))
