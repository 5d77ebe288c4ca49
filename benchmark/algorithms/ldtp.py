"""Difference target propagation with the local difference reconstruction loss (Ernoult 2022)."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.targeted import Encoding, Targeted
from benchmark.credit.decoders import Decoder, Placing
from benchmark.credit.losses import output_error
from benchmark.credit.targets import (
    difference_targets,
    layer_losses,
    local_difference_reconstruction_loss,
)
from benchmark.networks import Network
from benchmark.networks.init import Init


class LDTP(Targeted):
    """Learned DTP: decoders whose Jacobian becomes the transpose of their block's.

        t_L     = a_L - step e                                    (the logits' target)
        t_{k-1} = h_{k-1} + g_k(t_k) - g_k(h_k)
        forward layers descend   1/2 ||f_k(h_{k-1}) - t_k||^2, the output layer too
        decoders descend         -2 <n, g_k(f_k(h + n)) - g_k(h_k)> + ||g_k(h_k + n') - g_k(h_k)||^2

    (Ernoult et al. 2022, section 3.2). Once J_g = J_f^T the target differences are ``step`` times
    backpropagation's negative gradients, to first order in ``step``. The decoders take several
    steps on every batch before the forward layers take one, each decoder as many as it needs.
    """

    same_steps = True

    placing: Placing = "before"

    def __init__(
        self,
        net: Network,
        *,
        step: float = 0.7,
        noise: float | list[float] = 0.2,
        decoder_lr: float | list[float] = 0.005,
        decoder_weight_decay: float = 0.0,
        decoder_init: Init = "lecun_uniform",
        decoder_iterations: int | list[int] = 5,
        decoder_epochs: int = 0,
        **base: Any,
    ) -> None:
        """
        Args:
            step: size of the gradient step that sets the target of the logits.
            noise: standard deviation of the noise on activities; one or per decoder.
            decoder_lr: learning rate of the decoders; one or per decoder.
            decoder_weight_decay: L2 penalty on the decoders.
            decoder_init: initial decoder weights.
            decoder_iterations: decoder steps per batch; one or per decoder.
            decoder_epochs: epochs at the start in which only the decoders learn.
        """
        super().__init__(
            net,
            noise=noise,
            decoder_lr=decoder_lr,
            decoder_weight_decay=decoder_weight_decay,
            decoder_init=decoder_init,
            decoder_iterations=decoder_iterations,
            decoder_epochs=decoder_epochs,
            **base,
        )
        self.step = step

    def build_decoders(self) -> list[Decoder]:
        return [self.decoder_of(k) for k in range(1, len(self.net.blocks))]

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        return self.decoder_phase(x)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        encoding = self.encode_all(x)
        h, logits = encoding.h, encoding.h[-1]
        if self.pretraining:
            return Credit(self.decoder_loss(encoding, range(len(self.decoders))), logits)
        with torch.no_grad():
            top = logits - self.step * output_error(logits, y, self.loss)
            targets = difference_targets(h, top, self.differences(encoding))
        return Credit(layer_losses(h, targets), logits, {f"t{k}": t for k, t in enumerate(targets)})

    def decoder_loss(self, encoding: Encoding, which: Sequence[int]) -> Tensor:
        losses = []
        for k in which:
            g, switches = self.decoders[k], encoding.switches[k + 1]
            below, h = encoding.h[k].detach(), encoding.h[k + 1].detach()
            noise = self.noise_like(below, self.noise_sd[k])
            moved, _ = self.encode(k, below + noise)
            above = h + self.noise_like(h, self.noise_sd[k])
            both = torch.cat([moved, above])  # one product for the two terms
            where = None if switches is None else torch.cat([switches, switches])
            from_below, from_above = g.difference(both, h, where).chunk(2)
            losses.append(local_difference_reconstruction_loss(noise, from_below, from_above))
        return torch.stack(losses).sum()
