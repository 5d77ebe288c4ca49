"""Direct difference target propagation with linear feedback (Meulemans et al. 2020)."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.targeted import Encoding, Targeted
from benchmark.credit.decoders import DirectDecoder
from benchmark.credit.losses import output_error
from benchmark.credit.targets import layer_losses, squared_distance
from benchmark.networks import Network
from benchmark.networks.init import Init


class DDTPLinear(Targeted):
    """DDTP-linear: learned linear feedback Q_k from the output to every hidden layer.

        t_L = a_L - step e,   t_k = h_k + Q_k (t_L - a_L)          (Meulemans et al. 2020, eq. 15)
        forward layers descend   1/2 ||f_k(h_{k-1}) - t_k||^2, the output layer too
        Q_k descends             1/2 ||Q_k (F_k(h_k + n) - F_k(h_k)) - n||^2

    F_k leads from h_k to the logits a_L, with the Jacobian J. With a decay on Q_k that loss has its
    minimum, for small noise and where J is the same for all samples, at the damped pseudo-inverse
    Q_k = J^T (J J^T + lambda)^-1, lambda = decay / noise^2: target differences are then damped
    Gauss-Newton steps. The decay stands for the second term of the paper's eq. 13, as in its code.
    """

    same_steps = True

    def __init__(
        self,
        net: Network,
        *,
        step: float = 0.06,
        noise: float | list[float] = 0.09,
        decoder_lr: float | list[float] = 1.64e-4,
        decoder_weight_decay: float = 0.0,
        decoder_init: Init = "xavier_normal",
        decoder_iterations: int | list[int] = 1,
        decoder_epochs: int = 0,
        **base: Any,
    ) -> None:
        """
        Args:
            step: size of the gradient step that sets the target of the logits.
            noise: standard deviation of the noise on activities; one or per hidden layer.
            decoder_lr: learning rate of Q; one or per hidden layer.
            decoder_weight_decay: L2 penalty on Q; divided by noise^2 it is the damping.
            decoder_init: initial Q.
            decoder_iterations: steps of Q per batch; one or per hidden layer.
            decoder_epochs: epochs at the start in which only Q learns.
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

    def build_decoders(self) -> list[DirectDecoder]:
        *hidden, (classes,) = self.net.shapes()[1:]
        return [DirectDecoder(classes, shape) for shape in hidden]

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        return self.decoder_phase(x)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        encoding = self.encode_all(x)
        *hidden, logits = h = encoding.h
        if self.pretraining:
            return Credit(self.decoder_loss(encoding, range(len(self.decoders))), logits)
        with torch.no_grad():
            d = -self.step * output_error(logits, y, self.loss)
            targets = [h_k + Q(d) for h_k, Q in zip(hidden, self.decoders, strict=True)]
        targets.append(logits.detach() + d)
        return Credit(layer_losses(h, targets), logits, {f"t{k}": t for k, t in enumerate(targets)})

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
