"""Difference target propagation with the local difference reconstruction loss (Ernoult 2022)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithms.families.targeted import Encoding, Targeted
from benchmark.credit.decoders import Decoder, Placing
from benchmark.credit.losses import output_error
from benchmark.credit.targets import difference_targets, local_difference_reconstruction_loss
from benchmark.networks import Network
from benchmark.networks.init import Init
from benchmark.options import Count, NotNegative
from benchmark.traits import Traits


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

    traits = Traits(
        "target propagation", "Ernoult et al.", 2022,
        teacher="above", feedback="learned", second_pass=True, noise=True, networks="blocks",
        same_steps=True,
    )  # fmt: skip

    placing: Placing = "before"

    def __init__(
        self,
        net: Network,
        *,
        step: NotNegative = 0.7,
        noise: NotNegative | list[NotNegative] = 0.2,
        decoder_init: Init = "lecun_uniform",
        decoder_iterations: Count | list[Count] = 5,
        **targeted: Any,
    ) -> None:
        """
        Args:
            step: size of the gradient step that sets the target of the logits.
            noise: standard deviation of the noise on activities; one or per decoder.
            decoder_init: initial decoder weights.
            decoder_iterations: decoder steps per batch; one or per decoder.
        """
        super().__init__(
            net, step=step, noise=noise, decoder_init=decoder_init,
            decoder_iterations=decoder_iterations, **targeted,
        )  # fmt: skip

    def build_decoders(self) -> list[Decoder]:
        return [self.decoder_of(k) for k in range(1, len(self.net.blocks))]

    def targets(self, encoding: Encoding, y: Tensor) -> list[Tensor]:
        h, logits = encoding.h, encoding.h[-1]
        top = logits - self.step * output_error(logits, y, self.loss)
        return difference_targets(h, top, self.differences(encoding))

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
