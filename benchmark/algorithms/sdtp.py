"""Simplified difference target propagation (Bartunov et al. 2018)."""

from dataclasses import replace

from torch import Tensor

from benchmark.algorithms.dtp import DTP
from benchmark.algorithms.families.targeted import Encoding
from benchmark.credit.decoders import Decoder
from benchmark.credit.losses import one_hot, prediction


class SDTP(DTP):
    """Simplified DTP: the top hidden layer's target is decoded too, so no gradient is used.

        o       = softmax(W_L h_K)
        t_K     = h_K - g_L(o) + g_L(y)                    (Bartunov et al. 2018, sec. 3.1)

    y is the one-hot label, the output that minimises the loss. Everything else as in dtp, from
    t_K down; ``step`` has no part. The output layer descends J, which is local to it.
    """

    traits = replace(DTP.traits, paper="Bartunov et al.", year=2018, transport="none")

    def build_decoders(self) -> list[Decoder]:
        return [*super().build_decoders(), self.decoder_of(len(self.net.blocks) - 1)]

    def encode(self, k: int, h_below: Tensor) -> tuple[Tensor, Tensor | None]:
        code, switches = super().encode(k, h_below)
        top = k + 1 == len(self.decoders)
        return (prediction(code, self.loss) if top else code), switches

    def top_target(self, encoding: Encoding, y: Tensor) -> Tensor:
        h, logits = encoding.h[-2:]
        g = self.decoders[-1]
        return h + g.difference(one_hot(y, logits), prediction(logits, self.loss))
