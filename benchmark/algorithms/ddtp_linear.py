"""Direct difference target propagation with linear feedback (Meulemans et al. 2020)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithms.families.targeted import Encoding, Targeted
from benchmark.credit.decoders import DirectDecoder
from benchmark.credit.losses import output_error
from benchmark.credit.targets import squared_distance
from benchmark.networks import Network
from benchmark.networks.init import Init
from benchmark.options import NotNegative
from benchmark.traits import Traits


class DDTPLinear(Targeted):
    """DDTP-linear: learned linear feedback Q_k from the output to every hidden layer.

        t_L = a_L - step e,   t_k = h_k + Q_k (t_L - a_L)          (Meulemans et al. 2020, eq. 15)
        forward layers descend   1/2 ||f_k(h_{k-1}) - t_k||^2, the output layer too
        Q_k descends             1/2 ||Q_k (F_k(h_k + n) - F_k(h_k)) - n||^2

    F_k leads from h_k to the logits a_L, with the Jacobian J. With a decay on Q_k that loss has its
    minimum, for small noise and where J is the same for all samples, at the damped pseudo-inverse
    Q_k = J^T (J J^T + lambda)^-1, lambda = decay / noise^2: target differences are then damped
    Gauss-Newton steps. The decay, ``decoder_weight_decay``, stands for the second term of the
    paper's eq. 13, as in its code.
    """

    traits = Traits(
        "target propagation", "Meulemans et al.", 2020,
        teacher="error", feedback="learned", second_pass=True, noise=True, same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        step: NotNegative = 0.06,
        noise: NotNegative | list[NotNegative] = 0.09,
        decoder_lr: NotNegative | list[NotNegative] = 1.64e-4,
        decoder_init: Init = "xavier_normal",
        **targeted: Any,
    ) -> None:
        """
        Args:
            step: size of the gradient step that sets the target of the logits.
            noise: standard deviation of the noise on activities; one or per hidden layer.
            decoder_lr: learning rate of Q; one or per hidden layer.
            decoder_init: initial Q.
        """
        super().__init__(
            net, step=step, noise=noise, decoder_lr=decoder_lr, decoder_init=decoder_init,
            **targeted,
        )  # fmt: skip

    def build_decoders(self) -> list[DirectDecoder]:
        *hidden, (classes,) = self.net.shapes()[1:]
        return [DirectDecoder(classes, shape) for shape in hidden]

    def targets(self, encoding: Encoding, y: Tensor) -> list[Tensor]:
        *hidden, logits = encoding.h
        d = -self.step * output_error(logits, y, self.loss)
        return [*(h_k + Q(d) for h_k, Q in zip(hidden, self.decoders, strict=True)), logits + d]

    def decoder_loss(self, encoding: Encoding, which: Sequence[int]) -> Tensor:
        losses = []
        for k in which:
            h = encoding.h[k].detach()
            noise = self.noise_like(h, self.noise_sd[k])
            with torch.no_grad():
                out = h + noise
                for block in self.net.blocks[k + 1 :]:
                    out = block(out)
            decoded = self.decoders[k](out - encoding.h[-1].detach())
            losses.append(squared_distance(decoded, noise))
        return torch.stack(losses).sum()
