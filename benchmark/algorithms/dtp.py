"""Difference target propagation (Lee, Zhang, Fischer & Bengio 2015)."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.targeted import Encoding, Targeted
from benchmark.credit.losses import output_error, task_loss
from benchmark.credit.target_angles import relative_error
from benchmark.credit.targets import difference_targets, layer_losses, squared_distance
from benchmark.networks import Network
from benchmark.networks.init import Init


class DTP(Targeted):
    """Difference target propagation: learned decoders g_k carry targets down, layers chase them.

        t_K     = h_K - step dJ/dh_K                       (the top hidden layer's target)
        t_{k-1} = h_{k-1} - g_k(h_k) + g_k(t_k)            (Lee et al. 2015, eq. 15)
        forward layers descend   1/2 ||f_k(h_{k-1}) - t_k||^2, the output layer J
        decoders descend         1/2 ||g_k(f_k(h_{k-1} + noise)) - (h_{k-1} + noise)||^2

    dJ/dh_K is each sample's own gradient, through the output layer alone (Lee's code has the
    batch mean's: a step of ``step / batch_size`` here). With one hidden layer there is nothing to
    decode: dtp is then backpropagation with ``step`` times its hidden update.
    """

    same_steps = True

    def __init__(
        self,
        net: Network,
        *,
        step: float = 0.3,
        noise: float | list[float] = 0.3,
        decoder_lr: float | list[float] = 0.005,
        decoder_weight_decay: float = 0.0,
        decoder_init: Init = "orthogonal",
        decoder_iterations: int | list[int] = 1,
        decoder_epochs: int = 0,
        schedule: Literal["parallel", "alternating"] = "parallel",
        **base: Any,
    ) -> None:
        """
        Args:
            step: size of the gradient step that sets the top hidden layer's target.
            noise: standard deviation of the noise that decoders learn to undo; one or per decoder.
            decoder_lr: learning rate of the decoders; one or per decoder.
            decoder_weight_decay: L2 penalty on the decoders.
            decoder_init: initial decoder weights.
            decoder_iterations: decoder steps per batch when alternating; one or per decoder.
            decoder_epochs: epochs at the start in which only the decoders learn.
            schedule: decoders learn in the same step as the forward weights, or in steps before.
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
        self.alternating = schedule == "alternating"

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        return self.decoder_phase(x) if self.alternating else iter(())

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        encoding = self.encode_all(x)
        *h, logits = encoding.h
        if self.pretraining:
            return Credit(self.decoder_loss(encoding, range(len(self.decoders))), logits)
        with torch.no_grad():
            targets = self.targets(encoding, y)
        objective = task_loss(logits, y, self.loss) + layer_losses(h, targets)
        if self.decoders and not self.alternating:
            objective = objective + self.decoder_loss(encoding, range(len(self.decoders)))
        return Credit(objective, logits, {f"t{k}": t for k, t in enumerate(targets)})

    def targets(self, encoding: Encoding, y: Tensor) -> list[Tensor]:
        """Targets of the hidden activities."""
        h = encoding.h[:-1]
        top = self.top_target(encoding, y)
        return difference_targets(h, top, self.differences(encoding)[: len(h) - 1])

    def top_target(self, encoding: Encoding, y: Tensor) -> Tensor:
        """t_K: one gradient step from h_K."""
        h, logits = encoding.h[-2:]
        return h - self.step * self._through_output(h, output_error(logits, y, self.loss))

    def _through_output(self, h: Tensor, e: Tensor) -> Tensor:
        """dJ/dh_K = (dlogits/dh_K)^T e, each sample's own."""
        with torch.enable_grad():
            h = h.detach().requires_grad_()
            return torch.autograd.grad(self.net.blocks[-1](h), h, e)[0]

    def decoder_loss(self, encoding: Encoding, which: Sequence[int]) -> Tensor:
        """Sum of the reconstruction losses, each 1/2 ||g(f(h + noise)) - (h + noise)||^2 / N."""
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
