"""Difference target propagation (Lee, Zhang, Fischer & Bengio 2015)."""

import torch
from torch import Tensor

from benchmark.algorithms.families.reconstructing import Reconstructing
from benchmark.algorithms.families.targeted import Encoding
from benchmark.credit.losses import output_error
from benchmark.credit.targets import difference_targets
from benchmark.traits import Traits


class DTP(Reconstructing):
    """Difference target propagation: learned decoders g_k carry targets down, layers chase them.

        t_K     = h_K - step dJ/dh_K                       (the top hidden layer's target)
        t_{k-1} = h_{k-1} - g_k(h_k) + g_k(t_k)            (Lee et al. 2015, eq. 15)
        forward layers descend   1/2 ||f_k(h_{k-1}) - t_k||^2, the output layer J
        decoders descend         1/2 ||g_k(f_k(h_{k-1} + noise)) - (h_{k-1} + noise)||^2

    dJ/dh_K is each sample's own gradient, through the output layer alone (Lee's code has the
    batch mean's: a step of ``step / batch_size`` here). With one hidden layer there is nothing to
    decode: dtp is then backpropagation with ``step`` times its hidden update.
    """

    traits = Traits(
        "target propagation", "Lee et al.", 2015,
        teacher="above", transport="output", feedback="learned", second_pass=True, noise=True,
        networks="blocks", same_steps=True,
    )  # fmt: skip

    def targets(self, encoding: Encoding, y: Tensor) -> list[Tensor]:
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
