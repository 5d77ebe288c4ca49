"""PEPITA-TL, time-local PEPITA (Srinivasan et al. 2023): each pass applies its own update."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.pepita_hebbian import PEPITAHebbian
from benchmark.credit.losses import local_update, one_hot, prediction
from benchmark.networks import Network


class PEPITATL(PEPITAHebbian):
    """PEPITA-Hebbian with nothing to remember between the passes, but the error.

        standard pass    Delta W_k = -lr h_k h_{k-1}^T,             Delta W_L = -lr p h_{L-1}^T
        modulated pass   Delta W_k = +lr h_k^err (h_{k-1}^err)^T,   Delta W_L = +lr t h_{L-1}^errT

    The modulated pass runs through the weights that the standard pass has changed. t is the
    one-hot target, p the output of the standard pass (Srinivasan et al. 2023).
    """

    traits = PEPITAHebbian.traits

    def __init__(
        self, net: Network, *, dropout_masks: Literal["shared", "redrawn"] = "shared", **base: Any
    ) -> None:
        """
        Args:
            dropout_masks: of the modulated pass: those of the standard pass, or fresh ones (as in
                the authors' code).
        """
        super().__init__(net, **base)
        self.dropout_masks = dropout_masks
        self._logits: Tensor | None = None  # of the standard pass, for the modulated one

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        """The standard pass and its step."""
        standard = self.forward_pass(x)
        self._logits = standard.logits.detach()
        p = prediction(self._logits, self.loss)
        yield local_update([*self.hebbian(standard.h), p], [*standard.a, standard.logits])

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        """The modulated pass. Where no standard pass went before, its logits are those of now."""
        with torch.no_grad():
            logits = self.forward_pass(x).logits if self._logits is None else self._logits
            self._logits = None
            p = prediction(logits, self.loss)
            target = one_hot(y, logits)
            x_err = x + self.input_shift(p - target, x)
        if self.dropout_masks == "redrawn":
            self.net.renew_dropout(self.noise)
        modulated = self.forward_pass(x_err)
        up = local_update([*self.hebbian(modulated.h), target], [*modulated.a, modulated.logits])
        return Credit(-up, logits)
