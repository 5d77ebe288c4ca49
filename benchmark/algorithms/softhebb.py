"""SoftHebb (Moraitis et al. 2022): soft competition and Hebbian plasticity, and a read-out."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.goodness import same_length
from benchmark.credit.losses import task_loss
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.options import NotNegative, Positive
from benchmark.traits import Traits


class Competition(nn.Module):
    """softmax(u / temperature) over the units, or the channels at each place."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, u: Tensor) -> Tensor:
        return (u / self.temperature).softmax(1)


class SoftHebb(Algorithm):
    """SoftHebb: units compete for inputs by a softmax, and turn to those that they win.

        x = h_{k-1} / |h_{k-1}|,   u = W x,   y = softmax(u / temperature)
        Delta w_ik = lr y_k (x_i - u_k w_ik)                       (Moraitis et al. 2022)
        h_k = softmax(u / output_temperature)

    over the units of a layer, or the channels at each place of a convolution, whose places are
    summed and whose patches have length 1 in the mean square. What goes on is the outcome of the
    competition, softened, in place of the network's activation. A unit that wins tends to length 1.
    Weights start positive, so that u is, and longer than 1: a winner gets shorter, and leaves the
    next inputs to others, until all units have some of their own.

    With ``anti_hebbian`` y_k is negative for all but the winner (Journe et al. 2023). No label
    reaches the hidden layers: the output block, a linear read-out of the topmost one, learns by the
    task loss. A bias is the weight of an input that is always 1. Three choices are our own: a plain
    learning rate, where the authors divide each update by its largest entry and let the rate depend
    on the weights' length; inputs of length 1; and the read-out's learning beside the layers.
    """

    traits = Traits(
        "Hebbian", "Moraitis et al.", 2022, teacher="none", networks="blocks", same_steps=True
    )

    def __init__(
        self,
        net: Network,
        *,
        temperature: Positive = 0.01,
        output_temperature: Positive = 0.05,
        radius: Positive = 5.0,
        anti_hebbian: bool = False,
        readout_lr: NotNegative | None = None,
        **base: Any,
    ) -> None:
        """
        Args:
            temperature: of the competition by which units learn.
            output_temperature: of the one whose outcome the next layer reads.
            radius: Euclidean norm of each unit's first weights.
            anti_hebbian: units that lose turn away from an input.
            readout_lr: learning rate of the read-out; by default the hidden layers'.
        """
        super().__init__(net, **base)
        if not all(isinstance(block, Block) for block in net.blocks) or len(net.blocks) < 2:
            raise UserError(
                "softhebb needs hidden layers of plain blocks (one synapse each): mlp, lenet"
            )
        self.temperature, self.anti_hebbian = temperature, anti_hebbian
        self.readout_lr = readout_lr
        self.blocks: list[Any] = list(net.blocks)
        for block in self.blocks[:-1]:
            block.activation, block.pools_first = Competition(output_temperature), False
            w = block.synapse.weight.data.abs_()
            w.mul_(radius / w.flatten(1).norm(dim=1).view(-1, *[1] * (w.dim() - 1)))

    def param_groups(self) -> list[dict[str, Any]]:
        if self.readout_lr is None:
            return super().param_groups()
        hidden = [p for block in self.blocks[:-1] for p in block.parameters() if p.requires_grad]
        readout = [*self.blocks[-1].parameters()]
        return [
            {"name": "forward", "params": hidden},
            {"name": "readout", "params": readout, "lr": self.readout_lr},
        ]

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        objective, h = x.new_zeros(()), x
        for block in self.blocks[:-1]:
            u = block.affine(self.scaled(h, block))
            objective = objective + self.plasticity(block.synapse, u)
            h = block.subsample(block.activate(u.detach()))
        logits = self.read(h)
        return Credit(objective + task_loss(logits, y, self.loss), logits)

    def scaled(self, h: Tensor, block: Any) -> Tensor:
        """What a block reads of activities ``h``: inputs of a unit of length 1."""
        return same_length(h) / math.sqrt(block.synapse.weight[0].numel())

    def read(self, h: Tensor) -> Tensor:
        """Logits of the topmost hidden activities, of a mean square of 1."""
        return self.blocks[-1](same_length(h))  # type: ignore[no-any-return]

    def plasticity(self, synapse: Any, u: Tensor) -> Tensor:
        """-sum_k y_k u_k + y_k u_k |w_k|^2 / 2, y_k and the second u_k held: whose gradient is
        -y_k (x - u_k w_k), a mean over the samples."""
        with torch.no_grad():
            y = (u / self.temperature).softmax(1)
            if self.anti_hebbian:
                won = torch.zeros_like(y).scatter_(1, y.argmax(1, keepdim=True), 1.0)
                y = y * (2 * won - 1)
            forgotten = (y * u).flatten(2).sum(2).mean(0) if u.dim() > 2 else (y * u).mean(0)
        w = synapse.weight.flatten(1)
        if synapse.bias is not None:
            w = torch.cat([w, synapse.bias[:, None]], 1)
        return (forgotten * w.square().sum(1)).sum() / 2 - (y * u).sum() / len(u)

    def predict(self, x: Tensor) -> Tensor:
        for block in self.blocks[:-1]:
            x = block(self.scaled(x, block))
        return self.read(x)

    def reference(self, x: Tensor, y: Tensor) -> Tensor | None:
        """None: the hidden layers follow no loss."""
        return None
