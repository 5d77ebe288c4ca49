"""Simplified difference target propagation with auxiliary outputs (Bartunov et al. 2018)."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.algorithms.families.targeted import Encoding
from benchmark.algorithms.sdtp import SDTP
from benchmark.credit.decoders import Decoder
from benchmark.credit.losses import one_hot, prediction
from benchmark.networks import Network
from benchmark.options import Count


class AOSDTP(SDTP):
    """SDTP whose output layer has auxiliary outputs z beside its prediction o.

        z       = tanh(A h_K)
        t_K     = h_K - g_L([o, z]) + g_L([y, z])          (Bartunov et al. 2018, section 3.2)

    Ten outputs tell a decoder little about h_K; z tells it the rest. A learns with g_L, as the two
    halves of an auto-encoder, by the reconstruction loss. No prediction depends on it.
    """

    traits = SDTP.traits

    def __init__(self, net: Network, *, auxiliary_outputs: Count = 512, **dtp: Any) -> None:
        """
        Args:
            auxiliary_outputs: number of outputs z.
        """
        self._auxiliary_outputs = auxiliary_outputs
        super().__init__(net, **dtp)

    def build_decoders(self) -> list[Decoder]:
        *hidden, top = super().build_decoders()
        shape, (classes,) = self.net.shapes()[-2:]
        units, z = math.prod(shape), self._auxiliary_outputs
        top.synapse = nn.Linear(classes + z, units)
        top.auxiliary = nn.Linear(units, z)
        return [*hidden, top]

    def auxiliary(self, h: Tensor) -> Tensor:
        """z ``[N, auxiliary_outputs]``, of activities h_K; its gradient reaches A alone."""
        return self.decoders[-1].auxiliary(h.detach().flatten(1)).tanh()

    def encode(self, k: int, h_below: Tensor) -> tuple[Tensor, Tensor | None]:
        code, switches = super().encode(k, h_below)
        if k + 1 == len(self.decoders):
            code = torch.cat([code, self.auxiliary(h_below)], 1)
        return code, switches

    def top_target(self, encoding: Encoding, y: Tensor) -> Tensor:
        h, logits = encoding.h[-2:]
        z = self.auxiliary(h)
        o, label = prediction(logits, self.loss), one_hot(y, logits)
        return h + self.decoders[-1].difference(torch.cat([label, z], 1), torch.cat([o, z], 1))
