"""Counter-current learning (Kao & Hariharan 2024): a network for labels runs down beside."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.decoders import Mirror
from benchmark.credit.losses import forward_cut, one_hot, task_loss
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.networks.init import Init
from benchmark.options import NotNegative
from benchmark.traits import Traits


class CCL(Algorithm):
    """Counter-current learning: activities and what a feedback network makes of labels meet.

        h_k = f(W_k sg(h_{k-1})),   c_{k-1} = f(B_k sg(c_k)) for each class, c_L its one-hot code
        l_k = scale / n_k mean_{i, c} (<h_k^i, c_k^c> - [y_i = c])^2
        W and B descend sum_{k < L} l_k + J(h_L, y)                     (Kao & Hariharan 2024)

    sg stops gradients: W_k and B_{k+1} both learn from l_k alone. n_k is the number of units; l_k
    is that of the authors' code for classification. The feedback network mirrors the forward one
    down to h_1, without biases; pooled layers are spread out again. Their code also compares the
    input with a c_0, which no forward weight reads.
    """

    traits = Traits(
        "local losses", "Kao & Hariharan", 2024,
        teacher="label", feedback="learned", networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        scale: NotNegative = 128.0,
        feedback_lr: NotNegative | None = None,
        feedback_init: Init = "lecun_uniform",
        **base: Any,
    ) -> None:
        """
        Args:
            scale: of the hidden layers' losses.
            feedback_lr: learning rate of B; by default that of the forward weights.
            feedback_init: initial feedback weights.
        """
        super().__init__(net, **base)
        if len(net.blocks) < 2:
            raise UserError("ccl needs a hidden layer")
        self.scale, self.feedback_lr = scale, feedback_lr
        shapes = net.shapes()
        self.mirrors = nn.ModuleList(
            Mirror(net.blocks[k], net.blocks[k - 1], shapes[k]) for k in range(1, len(net.blocks))
        )
        for k, mirror in enumerate(self.mirrors):
            mirror.initialize(feedback_init, self.feedback_stream(k))  # type: ignore[operator]

    def param_groups(self) -> list[dict[str, Any]]:
        feedback: dict[str, Any] = {"name": "feedback", "params": [*self.mirrors.parameters()]}
        if self.feedback_lr is not None:
            feedback["lr"] = self.feedback_lr
        return [*super().param_groups(), feedback]

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        *hidden, logits = forward_cut(self.net.blocks, x)
        objective, same = task_loss(logits, y, self.loss), one_hot(y, logits)
        for h_k, c_k in zip(hidden, self.codes(logits), strict=True):
            h_k, c_k = h_k.flatten(1), c_k.flatten(1)
            objective = objective + self.scale / h_k.shape[1] * (h_k @ c_k.T - same).square().mean()
        return Credit(objective, logits)

    def codes(self, logits: Tensor) -> list[Tensor]:
        """c_1 .. c_{L-1}, ``[classes, ...]``; no gradient crosses from one to the next."""
        c = torch.eye(logits.shape[1], dtype=logits.dtype, device=logits.device)
        found: list[Tensor] = []
        for mirror in reversed(self.mirrors):
            c = mirror(c.detach())
            found.insert(0, c)
        return found
