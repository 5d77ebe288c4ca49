"""Feedback alignment (Lillicrap, Cownden, Tweed & Akerman 2016)."""

from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.feedback import convert
from benchmark.credit.losses import task_loss
from benchmark.networks import Network
from benchmark.networks.init import Init, draw
from benchmark.options import NotNegative
from benchmark.traits import Traits


class FA(Algorithm):
    """Feedback alignment: the error returns through fixed random weights instead of W transposed.

        delta_k = (B_{k+1}^T delta_{k+1}) * f'(a_k)        (Lillicrap et al. 2016, eq. 2)
        Delta W_k = -lr delta_k h_{k-1}^T

    B has W's shape; every linear, convolutional and locally connected synapse of the network gets
    its own. With B = W this is backpropagation.
    """

    traits = Traits(
        "feedback alignment", "Lillicrap et al.", 2016,
        teacher="above", feedback="fixed", backward_pass=True, same_steps=True,
    )  # fmt: skip

    net: Network

    def __init__(
        self,
        net: Network,
        *,
        feedback_init: Init | Literal["forward"] = "he_uniform",
        feedback_scale: NotNegative = 1.0,
        **base: Any,
    ) -> None:
        """
        Args:
            feedback_init: distribution of the feedback weights B; or, with ``forward``, B is a copy
                of the initial W.
            feedback_scale: factor on B.
        """
        super().__init__(net, **base)
        self.feedback_init, self.feedback_scale = feedback_init, feedback_scale
        self.net = convert(net, self.draw_feedback)  # type: ignore[assignment]

    def draw_feedback(self, k: int, W: Tensor) -> Tensor:
        """The initial feedback weights of the k-th synapse."""
        if self.feedback_init == "forward":
            return self.feedback_scale * W
        return self.feedback_scale * draw(self.feedback_init, W.shape, self.feedback_stream(k))

    @torch.enable_grad()
    def input_signal(self, x: Tensor, y: Tensor) -> Tensor | None:
        """B_1^T delta_1: the error's way through the B of all layers, and on to the input."""
        x = x.detach().requires_grad_()
        (signal,) = torch.autograd.grad(task_loss(self.net(x), y, self.loss), x)
        return signal

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        logits = self.net(x)
        return Credit(task_loss(logits, y, self.loss), logits)
