"""Difference target propagation (Lee, Zhang, Fischer & Bengio 2015)."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.local import forward_cut, output_error, task_loss
from benchmark.credit.targets import Decoder, difference_targets, reconstruction_loss
from benchmark.networks import Block, Network
from benchmark.networks.init import Init, draw


class DTP(Algorithm):
    """Difference target propagation: learned decoders g_k carry targets down, layers chase them.

        t_K     = h_K - step dJ/dh_K                       (the top hidden layer's target)
        t_{k-1} = h_{k-1} - g_k(h_k) + g_k(t_k)            (Lee et al. 2015, eq. 15)
        forward layers descend   1/2 ||f_k(h_{k-1}) - t_k||^2, the output layer J
        decoders descend         1/2 ||g_k(f_k(h_{k-1} + noise)) - (h_{k-1} + noise)||^2

    dJ/dh_K is each sample's own gradient, through the output layer alone. With one hidden layer
    there is nothing to decode: dtp is then backpropagation with ``step`` times its hidden update.
    """

    def __init__(
        self,
        net: Network,
        *,
        step: float = 0.3,
        noise: float = 0.3,
        decoder_lr: float = 0.005,
        decoder_init: Init = "orthogonal",
        schedule: Literal["parallel", "alternating"] = "parallel",
        **base: Any,
    ) -> None:
        """
        Args:
            step: size of the gradient step that sets the top hidden layer's target.
            noise: standard deviation of the noise that decoders learn to undo.
            decoder_lr: learning rate of the decoders.
            decoder_init: initial decoder weights.
            schedule: decoders learn in the same step as the forward weights, or in a step before.
        """
        super().__init__(net, **base)
        self.step, self.noise_sd, self.decoder_lr = step, noise, decoder_lr
        self.alternating = schedule == "alternating"
        blocks: list[Block] = list(net.blocks)  # type: ignore[arg-type]
        shapes = net.shapes()[1:]
        self.decoders = nn.ModuleList()  # self.decoders[k] maps h_{k+2} to h_{k+1}
        for k in range(len(blocks) - 2):
            g = Decoder(blocks[k], shapes[k + 1], shapes[k])
            g.linear.weight.data = draw(
                decoder_init, g.linear.weight.shape, self.feedback_stream(k)
            )
            g.linear.bias.data.zero_()
            self.decoders.append(g)

    def param_groups(self) -> list[dict[str, Any]]:
        decoder = {
            "name": "decoder",
            "params": [*self.decoders.parameters()],
            "lr": self.decoder_lr,
        }
        return super().param_groups() + [decoder] * bool(self.decoders)

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        if self.alternating and self.decoders:
            with torch.no_grad():
                h = forward_cut(self.net.blocks, x)
            yield self._decoder_loss(h)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        *h, logits = forward_cut(self.net.blocks, x)
        with torch.no_grad():
            e = output_error(logits, y, self.loss)
            t = h[-1] - self.step * self._through_output(h[-1], e)
            targets = difference_targets(h, t, list(self.decoders))
        objective = task_loss(logits, y, self.loss)
        for h_k, t_k in zip(h, targets, strict=True):
            objective = objective + 0.5 * (h_k - t_k).square().sum() / len(x)
        if self.decoders and not self.alternating:
            objective = objective + self._decoder_loss([*h, logits])
        return Credit(objective, logits, {f"t{k}": t for k, t in enumerate(targets)})

    def _through_output(self, h: Tensor, e: Tensor) -> Tensor:
        """dJ/dh_K = (dlogits/dh_K)^T e, each sample's own."""
        with torch.enable_grad():
            h = h.detach().requires_grad_()
            return torch.autograd.grad(self.net.blocks[-1](h), h, e)[0]

    def _decoder_loss(self, h: list[Tensor]) -> Tensor:
        """Sum of the decoders' reconstruction losses, for activities h_1 .. h_L."""
        loss = h[0].new_zeros(())
        for below, block, g in zip(h, self.net.blocks[1:], self.decoders, strict=False):
            noise = self.noise_sd * torch.randn(
                below.shape, generator=self.noise, device=below.device, dtype=below.dtype
            )
            loss = loss + reconstruction_loss(block, g, below, noise)
        return loss
