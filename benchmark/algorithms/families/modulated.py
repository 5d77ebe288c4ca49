"""What PEPITA and its relatives share: the projection F of the error onto the input."""

import math
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm
from benchmark.credit.angles import angle
from benchmark.credit.losses import output_error, task_loss
from benchmark.credit.mirror import Mirror, mirror_, product, rescale_
from benchmark.credit.passes import (
    Normalize,
    Pass,
    forward_pass,
    projected_response,
    reads_all_linearly,
    scores,
)
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.networks.init import Init, draw
from benchmark.options import NotNegative
from benchmark.streams import stream


class Modulated(Algorithm):
    """Base of the algorithms that project the error onto the input: x_err = x +- F e.

    F is stored as ``[classes, inputs]``; with the form ``product`` it is B_L .. B_1, the factors
    in the shapes of W_1 .. W_L, scaled so that F has the entries' deviation of the single form.
    """

    F: Tensor

    def __init__(
        self,
        net: Network,
        *,
        feedback_init: Init = "he_uniform",
        feedback_scale: NotNegative = 0.05,
        feedback_mean: float = 0.0,
        feedback_sign: Literal["plus", "minus"] = "plus",
        feedback_form: Literal["single", "product"] = "single",
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
            normalize: activities of a hidden layer are divided by their norm, of each sample or
                of the whole batch.
            conv_update: a convolution's update is the mean over positions and batch, or that
                divided by the batch size once more, as in the authors' code.
            mirror: weight mirroring of F; needs the form product and the sign minus.
        """
        super().__init__(net, **base)
        if not all(isinstance(block, Block) for block in net.blocks):
            raise UserError("pepita and its relatives need plain blocks (one synapse each): mlp")
        self.blocks: list[Block] = list(net.blocks)  # type: ignore[arg-type]
        self.normalize, self.mirror, self.conv_update = normalize, mirror, conv_update
        self.sign = 1 if feedback_sign == "plus" else -1
        self.factored = feedback_form == "product"
        same = self.traits.same_steps and not mirror.every
        self.traits = replace(self.traits, batch=normalize == "batch", same_steps=same)
        if (mirror.before or mirror.every) and not (self.factored and self.sign < 0):
            raise UserError("mirror needs feedback_form=product and feedback_sign=minus")
        *_, (classes,) = shapes = net.shapes()
        F = draw(feedback_init, (classes, math.prod(shapes[0])), self.feedback_stream(0))
        F = feedback_scale * F + feedback_mean
        if self.factored:
            if feedback_mean or not all(isinstance(b.synapse, nn.Linear) for b in self.blocks):
                raise UserError("feedback_form=product: fully connected, with feedback_mean 0")
            for k, block in enumerate(self.blocks):
                shape = block.synapse.weight.shape
                B = draw(feedback_init, tuple(shape), self.feedback_stream(k + 1))  # type: ignore[arg-type]
                self.register_buffer(f"factor{k}", B)
            self.std = F.std().item()
            F = rescale_(self.factors, self.std)
        self.register_buffer("F", F)

    @property
    def factors(self) -> list[Tensor]:
        """B_1 .. B_L of the form product."""
        return [self.get_buffer(f"factor{k}") for k in range(len(self.blocks))]

    def before_step(self, x: Tensor) -> None:
        """Weight mirroring, when due. The noise is the same on every process."""
        if batches := self.mirror.due(self.current_epoch, self._step):
            name = ("mirror", self.current_epoch, self._step)
            generator = stream(self.seed, *name, device=self.device)
            for _ in range(batches):
                mirror_(self.factors, self.blocks, self.mirror, len(x), generator)
            self.F.copy_(rescale_(self.factors, self.std))

    def input_shift(self, e: Tensor, x: Tensor) -> Tensor:
        """+-F e, in the shape of ``x``."""
        return (self.sign * e @ self.F).view_as(x)

    @torch.no_grad()
    def input_signal(self, x: Tensor, y: Tensor) -> Tensor:
        """x - x_err = -+F e: what h_k - h_k^err, the signal of a hidden layer, is for h_0."""
        return -self.input_shift(output_error(self.predict(x), y, self.loss), x)

    def forward_pass(self, x: Tensor) -> Pass:
        return forward_pass(self.blocks, x, self.normalize)

    def modulated_pass(self, standard: Pass, e: Tensor, x: Tensor) -> Pass:
        """The forward pass of x_err = x +- F e, where the standard pass of ``x`` is known.

        As a layer is linear up to its activation, W_1 x_err = W_1 x +- W_1 F e: the input need not
        pass through a fully connected W_1 again.
        """
        with torch.no_grad():
            x_err = x + self.input_shift(e, x)
            a_1 = None
            if reads_all_linearly(self.blocks[0]):
                a_1 = standard.a[0] + self.response(e, x)
        return forward_pass(self.blocks, x_err, self.normalize, a_1)

    def response(self, e: Tensor, x: Tensor) -> Tensor:
        """+-W_1 F e: how the first preactivation answers to the shift of the input ``x``."""
        return projected_response(self.blocks[0], self.F, self.sign * e, x)

    def predict(self, x: Tensor) -> Tensor:
        return scores(self.blocks, x, self.normalize)

    def reference(self, x: Tensor, y: Tensor) -> Tensor:
        return task_loss(self.predict(x), y, self.loss)

    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The angle of the projection +-F with the product of the forward weights, W_L .. W_1.

        PEPITA's soft anti-alignment drives it above 90 degrees with the sign plus.
        """
        weights: list[Any] = [block.synapse.weight for block in self.blocks]
        if any(w.dim() != 2 for w in weights):
            return {}
        return {"feedback/input": angle(self.sign * self.F, product(weights))}  # type: ignore
