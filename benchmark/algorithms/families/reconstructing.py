"""Target propagation whose decoders learn to reconstruct, from Lee et al. 2015 on."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithms.families.targeted import Encoding, Targeted
from benchmark.credit.losses import task_loss
from benchmark.credit.target_angles import relative_error
from benchmark.credit.targets import layer_losses, squared_distance
from benchmark.networks import Network


class Reconstructing(Targeted):
    """The output layer descends J, the hidden layers chase targets, and the decoders descend

    1/2 ||g_k(f_k(h_{k-1} + noise)) - (h_{k-1} + noise)||^2
    """

    def __init__(
        self,
        net: Network,
        *,
        schedule: Literal["parallel", "alternating"] = "parallel",
        **targeted: Any,
    ) -> None:
        """
        Args:
            schedule: decoders learn in the same step as the forward weights, or in steps before.
        """
        super().__init__(net, **targeted)
        self.alternating = schedule == "alternating"

    @property
    def decoder_steps(self) -> list[list[int]]:
        """One step of all decoders, where they learn beside the forward weights."""
        return super().decoder_steps if self.alternating else [[*range(len(self.decoders))]]

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        return super().feedback_phase(x) if self.alternating else iter(())

    def losses(self, encoding: Encoding, targets: list[Tensor], y: Tensor) -> Tensor:
        *h, logits = encoding.h
        objective = task_loss(logits, y, self.loss) + layer_losses(h, targets)
        if self.decoders and not self.alternating:
            objective = objective + self.decoder_loss(encoding, range(len(self.decoders)))
        return objective

    def decoder_loss(self, encoding: Encoding, which: Sequence[int]) -> Tensor:
        losses = []
        for k in which:
            h = encoding.h[k].detach()
            corrupted = h + self.noise_like(h, self.noise_sd[k])
            code, switches = self.encode(k, corrupted)
            losses.append(squared_distance(self.decoders[k](code, switches), corrupted))
        return torch.stack(losses).sum()

    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Besides, every decoder's relative reconstruction error ||g(f(h)) - h|| / ||h||."""
        h = self.encode_all(x).h
        values = super().measurements(x, y)
        for k, g in enumerate(self.decoders):
            error = relative_error(g(*self.encode(k, h[k])), h[k])
            values[f"reconstruction/blocks.{k + 1}"] = error.double()
        return values
