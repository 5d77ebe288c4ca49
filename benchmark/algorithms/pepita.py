"""PEPITA (Dellaferrera & Kreiman 2022): the second forward pass carries the error."""

import math
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.local import local_update, output_error
from benchmark.credit.mirror import Mirror
from benchmark.credit.modulated import Normalize
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.networks.init import Init, draw


class PEPITA(Algorithm):
    """Present the Error to Perturb the Input To modulate Activity: two forward passes.

        standard pass    h_k = f(W_k h_{k-1}),            h_0 = x
        modulated pass   h_k^err = f(W_k h_{k-1}^err),    h_0^err = x + F e
        Delta W_k = -lr (h_k - h_k^err) (h_{k-1}^err)^T   (Dellaferrera & Kreiman 2022, alg. 1)
        Delta W_L = -lr e (h_{L-1}^err)^T

    The activation's derivative does not appear, and both passes share one dropout mask. F is stored
    as ``[classes, inputs]``. A convolution's update is the mean over its output positions.
    """

    def __init__(
        self,
        net: Network,
        *,
        feedback_init: Init = "he_uniform",
        feedback_scale: float = 0.05,
        feedback_mean: float = 0.0,
        feedback_sign: Literal["plus", "minus"] = "plus",
        feedback_form: Literal["single", "product"] = "single",
        output_error_from: Literal["first", "second"] = "second",
        dropout_masks: Literal["shared", "redrawn"] = "shared",
        normalize: Normalize = "none",
        conv_update: Literal["mean", "published"] = "mean",
        mirror: Mirror = Mirror(),  # noqa: B008 (frozen)
        **base: Any,
    ) -> None:
        """
        Args:
            feedback_init: distribution of F; he_uniform is U(+-sqrt(6 / inputs)).
            feedback_scale: factor on F.
            feedback_mean: added to the entries of F.
            feedback_sign: plus presents x + F e, minus x - F e.
            feedback_form: F is one matrix, or the product of one matrix per layer.
            output_error_from: the pass whose error teaches the output layer; the authors' code
                takes the second for fully connected networks and the first for conv nets.
            dropout_masks: of the modulated pass: those of the standard pass, or fresh ones.
            normalize: activities of a hidden layer are divided by their norm, of each sample or
                of the whole batch.
            conv_update: a convolution's update is the mean over positions and batch, or that
                divided by the batch size once more, as in the authors' code.
            mirror: weight mirroring of F; needs the form product.
        """
        super().__init__(net, **base)
        if not all(isinstance(block, Block) for block in net.blocks):
            raise UserError("pepita needs a network of plain blocks (one synapse each): mlp, lenet")
        self.output_error_from = output_error_from
        *_, (classes,) = shapes = net.shapes()
        F = draw(feedback_init, (classes, math.prod(shapes[0])), self.feedback_stream(0))
        self.register_buffer("F", feedback_scale * F)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        with torch.no_grad():
            h, logits = self._standard_pass(x)
            e = output_error(logits, y, self.loss)
            x_err = x + (e @ self.get_buffer("F")).view_as(x)
        a_err, h_err, logits_err = self._modulated_pass(x_err)
        e_out = e if self.output_error_from == "first" else output_error(logits_err, y, self.loss)
        delta = [(h_k - h_k_err) / h_k[0, 0].numel() for h_k, h_k_err in zip(h, h_err, strict=True)]
        return Credit(local_update([*delta, e_out], [*a_err, logits_err]), logits)

    def _standard_pass(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """Hidden activities (before pooling) and logits."""
        *hidden, output = self.net.blocks
        h = []
        for block in hidden:
            h.append(block.activate(block.affine(x)))
            x = block.pool(h[-1])
        return h, output(x)

    def _modulated_pass(self, x: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Preactivations with a graph to their own weights, hidden activities, and logits."""
        *hidden, output = self.net.blocks
        a, h = [], []
        for block in hidden:
            a.append(block.affine(x))
            with torch.no_grad():
                h.append(block.activate(a[-1]))
                x = block.pool(h[-1])
        return a, h, output(x)
