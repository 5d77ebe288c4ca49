"""What the rules with a loss at every layer share: a linear head on each hidden block."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from benchmark.algorithm import Algorithm
from benchmark.credit.losses import task_loss
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.networks.init import draw


def linear_heads(rule: Algorithm, bias: bool) -> nn.ModuleList:
    """A linear head for each hidden block of a rule's network, which reads all its units.

    Raises:
        UserError: the network has no hidden block.
    """
    *shapes, (classes,) = rule.net.shapes()[1:]
    if not shapes:
        raise UserError(
            f"{type(rule).__name__.lower()} teaches hidden blocks, and the network is one"
        )
    heads = [nn.Linear(math.prod(shape), classes, bias) for shape in shapes]
    for k, head in enumerate(heads):
        head.weight.data = draw("lecun_uniform", head.weight.shape, rule.feedback_stream(k))
        if bias:
            head.bias.data.zero_()
    return nn.ModuleList(heads)


class LocalLosses(Algorithm):
    """Base of rules whose hidden blocks each predict the label from their own activity."""

    def __init__(self, net: Network, *, head_bias: bool = True, **base: Any) -> None:
        """
        Args:
            head_bias: whether heads have biases.
        """
        super().__init__(net, **base)
        self.heads = linear_heads(self, head_bias)

    def param_groups(self) -> list[dict[str, Any]]:
        forward, *others = super().param_groups()
        forward["params"] = [*forward["params"], *self.heads.parameters()]
        return [forward, *others]

    def predictions(self, x: Tensor, cut: bool) -> list[Tensor]:
        """Logits of every hidden block's head and of the output, ``[N, classes]`` each.

        Args:
            x: input.
            cut: no gradient crosses from a block to the one below.
        """
        *hidden, output = self.net.blocks
        found = []
        for block, head in zip(hidden, self.heads, strict=True):
            x = block(x.detach() if cut else x)
            found.append(head(x.flatten(1)))
        return [*found, output(x.detach() if cut else x)]

    def losses(self, logits: list[Tensor], y: Tensor) -> list[Tensor]:
        """The task loss at every layer."""
        return [task_loss(at, y, self.loss) for at in logits]
