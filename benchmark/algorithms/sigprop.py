"""Signal propagation (Kohan et al. 2023): targets go forward through the layers they teach."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import task_loss
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.networks.init import draw
from benchmark.options import Positive
from benchmark.traits import Traits


class SigProp(Algorithm):
    """Signal propagation: labels enter at the bottom and meet the inputs in every layer.

        h_1 = f(W_1 x),   t_1 = f(S c)                    one t_1 for each class, c its one-hot code
        [h_k, t_k] = f(W_k [h_{k-1}, t_{k-1}])            the same weights carry both
        l_k = CE(cos(h_k, t_k) / tau, y),   h_{k-1} and t_{k-1} held        (Kohan et al. 2023)

    W_k is taught by l_k alone, S by l_1. The output block reads the topmost activity and learns by
    the task loss. Two choices are our own: the cosine over all units, with a temperature, for the
    paper's dot product; and one target for each class, where the authors' code compares with the
    targets of the samples in the batch.
    """

    traits = Traits(
        "local losses", "Kohan et al.", 2023,
        teacher="label", feedback="learned", second_pass=True, networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(self, net: Network, *, tau: Positive = 0.1, **base: Any) -> None:
        """
        Args:
            tau: temperature of the local losses.
        """
        super().__init__(net, **base)
        if len(net.blocks) < 2 or not all(isinstance(block, Block) for block in net.blocks):
            raise UserError("sigprop needs hidden layers of plain blocks (one synapse each): mlp")
        if net.dropouts:
            raise UserError("sigprop takes no dropout: labels would need masks of their own")
        _, first, *_, (classes,) = net.shapes()
        self.tau, self.first = tau, first
        self.S = nn.Linear(classes, math.prod(first))
        self.S.weight.data = draw("lecun_uniform", self.S.weight.shape, self.feedback_stream(0))
        self.S.bias.data.zero_()

    def param_groups(self) -> list[dict[str, Any]]:
        forward, *others = super().param_groups()
        forward["params"] = [*forward["params"], *self.S.parameters()]
        return [forward, *others]

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        first, *others, output = self.net.blocks
        h, t = first(x), self.targets(first)
        objective = self.local_loss(h, t, y)
        for block in others:
            h, t = block(torch.cat([h, t]).detach()).split([len(h), len(t)])
            objective = objective + self.local_loss(h, t, y)
        logits = output(h.detach())
        return Credit(objective + task_loss(logits, y, self.loss), logits)

    def targets(self, first: Any) -> Tensor:
        """t_1 of each class, ``[classes, ...]``, in the shape of h_1."""
        S = self.S
        return first.activate(S.weight.T + S.bias).view(-1, *self.first)

    def local_loss(self, h: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """How badly the direction of an activity tells which class's target it goes with."""
        h, t = (F.normalize(a.flatten(1), dim=1) for a in (h, t))
        return F.cross_entropy(h @ t.T / self.tau, y)
