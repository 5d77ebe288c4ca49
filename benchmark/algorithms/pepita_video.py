"""PEPITA on video: the next frame carries the error, so that each frame costs one forward pass."""

from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.pepita import PEPITA
from benchmark.credit.losses import output_error
from benchmark.errors import UserError
from benchmark.networks import Network


class PEPITAVideo(PEPITA):
    """PEPITA where the second pass is that of the next frame, which differs little from the first.

        frame t       h_k = f(W_k h_{k-1}),           h_0 = x_t
        frame t + 1   h_k^err = f(W_k h_{k-1}^err),   h_0^err = x_{t+1} + F e_t
        Delta W_k = -lr (h_k - h_k^err) m_{k-1}^T,    m = (h + h^err) / 2
        Delta W_L = -lr e (h_{L-1}^err)^T

    for t = 0, 2, 4 .. of a clip: half of pepita's passes for as many frames, and no frame is seen
    twice. h_k - h_k^err holds the motion between two frames beside the error's trace. In the mean
    over clips that run both ways alike, motion cancels from a linear layer's update with m, and
    not with h^err, which pepita has there (Dellaferrera & Kreiman 2022, alg. 1).

    The frames of a clip stand in a row in the batch. On images that are no clips it is pepita.
    """

    traits = PEPITA.traits

    frames = 1  # of a clip of the training data

    def __init__(
        self, net: Network, *, presynaptic: Literal["mean", "second"] = "mean", **base: Any
    ) -> None:
        """
        Args:
            presynaptic: activity that a hidden layer's update reads: the mean of both frames', or
                that of the frame that carries the error.
        """
        super().__init__(net, **base)
        self.presynaptic = presynaptic

    def setup(self, stage: str) -> None:
        """Ask the data module of the run how many frames a clip has.

        Raises:
            UserError: an odd number of them, whose last would carry no error.
        """
        super().setup(stage)
        self.frames = getattr(getattr(self.trainer, "datamodule", None), "frames", 1)
        if self.frames > 1 and self.frames % 2:
            raise UserError(
                f"pepita_video takes the frames of a clip two by two, and {self.frames} is odd: "
                "choose --data.frames 2"
            )

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        if self.frames == 1:
            return super().credit(x, y)
        first, following = x.unflatten(0, (-1, 2)).unbind(1)
        with torch.set_grad_enabled(self.presynaptic == "mean"):
            standard = self.forward_pass(first)
        e = output_error(standard.logits, y[::2], self.loss)
        if self.dropout_masks == "redrawn":
            self.net.renew_dropout(self.noise)
        modulated = self.forward_pass(following + self.input_shift(e, first))
        reads = modulated.a
        if self.presynaptic == "mean":  # a_k = W_k m_{k-1}
            reads = [(a + a_err) / 2 for a, a_err in zip(standard.a, modulated.a, strict=True)]
        objective = self.difference(standard, modulated, e, y[1::2], reads)
        logits = torch.stack([standard.logits, modulated.logits], 1).flatten(0, 1)
        return Credit(objective, logits)
