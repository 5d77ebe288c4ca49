"""PEPITA (Dellaferrera & Kreiman 2022): the second forward pass carries the error."""

from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.modulated import Modulated
from benchmark.credit.losses import local_update, output_error
from benchmark.credit.passes import Pass, per_position
from benchmark.networks import Network
from benchmark.traits import Traits


class PEPITA(Modulated):
    """Present the Error to Perturb the Input To modulate Activity: two forward passes.

        standard pass    h_k = f(W_k h_{k-1}),            h_0 = x
        modulated pass   h_k^err = f(W_k h_{k-1}^err),    h_0^err = x + F e
        Delta W_k = -lr (h_k - h_k^err) (h_{k-1}^err)^T   (Dellaferrera & Kreiman 2022, alg. 1)
        Delta W_L = -lr e (h_{L-1}^err)^T

    The activation's derivative does not appear, and both passes share one dropout mask. A
    convolution's update is the mean over its output positions.
    """

    traits = Traits(
        "input modulation", "Dellaferrera & Kreiman", 2022,
        teacher="error", feedback="fixed", second_pass=True, networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        output_error_from: Literal["first", "second"] = "second",
        dropout_masks: Literal["shared", "redrawn"] = "shared",
        **base: Any,
    ) -> None:
        """
        Args:
            output_error_from: the pass whose error teaches the output layer; the authors' code
                takes the second for fully connected networks and the first for conv nets.
            dropout_masks: of the modulated pass: those of the standard pass, or fresh ones.
        """
        super().__init__(net, **base)
        self.output_error_from, self.dropout_masks = output_error_from, dropout_masks

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        with torch.no_grad():
            standard = self.forward_pass(x)
            e = output_error(standard.logits, y, self.loss)
        if self.dropout_masks == "redrawn":
            self.net.renew_dropout(self.noise)
        modulated = self.modulated_pass(standard, e, x)
        objective = self.difference(standard, modulated, e, y, modulated.a)
        return Credit(objective, standard.logits)

    def difference(
        self, standard: Pass, modulated: Pass, e: Tensor, y: Tensor, reads: list[Tensor]
    ) -> Tensor:
        """The scalar whose gradient is the update from two passes.

        Args:
            standard, modulated: the passes, of N samples.
            e: error of the standard pass, ``[N, classes]``.
            y: labels of the modulated pass, ``[N]``.
            reads: W_k times the activity that the k-th hidden layer's update reads.
        """
        if self.output_error_from == "second":
            e = output_error(modulated.logits, y, self.loss)
        delta = [
            per_position(h - h_err, self.conv_update == "published")
            for h, h_err in zip(standard.h, modulated.h, strict=True)
        ]
        return local_update([*delta, e], [*reads, modulated.logits])
