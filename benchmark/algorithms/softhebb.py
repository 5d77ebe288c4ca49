"""SoftHebb (Moraitis et al. 2022): soft competition and Hebbian plasticity, and a read-out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.goodness import same_length
from benchmark.credit.losses import task_loss
from benchmark.engine.distributed import mean_
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.options import NotNegative, Positive, Share
from benchmark.traits import Traits


class SoftHebb(Algorithm):
    """SoftHebb: units compete for inputs by a softmax, and turn to those that they win.

        x = c / |c|,  c = h_{k-1} - mean;   u = W x,   y = softmax(u / temperature)
        Delta w_ik = lr y_k (x_i - u_k w_ik)                       (Moraitis et al. 2022)

    over the units of a layer, or the channels at each place of a convolution, whose places are
    summed. Inputs of a layer are centred by their running mean, or one unit would win them all, and
    scaled to length 1, as the weights tend to be: the centring and the weights' first length are
    our own additions. With
    ``anti_hebbian`` y_k is negative for all but the winner (Journe et al. 2023). No label reaches
    the hidden layers: the output block, a linear read-out of the topmost one, learns beside them by
    the task loss. A bias is the weight of an input that is always 1. Weights start shorter than 1:
    those that are longer would grow wherever u_k is negative.
    """

    traits = Traits(
        "Hebbian", "Moraitis et al.", 2022, teacher="none", networks="blocks", same_steps=True
    )

    def __init__(
        self,
        net: Network,
        *,
        temperature: Positive = 0.1,
        radius: Positive = 0.5,
        anti_hebbian: bool = False,
        forgetting: Share = 0.9,
        readout_lr: NotNegative | None = None,
        **base: Any,
    ) -> None:
        """
        Args:
            temperature: of the competition.
            radius: Euclidean norm of each unit's first weights.
            anti_hebbian: units that lose turn away from an input.
            forgetting: what is kept in a step of the running means.
            readout_lr: learning rate of the read-out; by default the hidden layers'.
        """
        super().__init__(net, **base)
        if not all(isinstance(block, Block) for block in net.blocks) or len(net.blocks) < 2:
            raise UserError(
                "softhebb needs hidden layers of plain blocks (one synapse each): mlp, lenet"
            )
        self.temperature, self.anti_hebbian = temperature, anti_hebbian
        self.readout_lr = readout_lr
        self.forgetting = forgetting
        for k, shape in enumerate(net.shapes()[:-1]):
            self.register_buffer(f"mean{k}", torch.zeros(shape))
        self.blocks: list[Any] = list(net.blocks)
        for block in self.blocks[:-1]:
            w = block.synapse.weight.data
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
        objective, h = x.new_zeros(()), [x]
        for k, block in enumerate(self.blocks[:-1]):
            u = block.affine(self.centred(h[k], k))
            objective = objective + self.plasticity(block.synapse, u)
            h.append(block.subsample(block.activate(u)).detach())
        logits = self.read(h[-1])
        signals = {f"mean{k}": mean_(h_k.mean(0)) for k, h_k in enumerate(h)}
        return Credit(objective + task_loss(logits, y, self.loss), logits, signals)

    @torch.no_grad()
    def after_step(self, credit: Credit) -> None:
        for name, mean in credit.signals.items():
            self.get_buffer(name).lerp_(mean, 1 - self.forgetting)

    def centred(self, h: Tensor, k: int) -> Tensor:
        """What layer ``k`` reads of activities ``h``: centred, of length 1."""
        return same_length(h - self.get_buffer(f"mean{k}"), "l2")

    def read(self, h: Tensor) -> Tensor:
        """Logits of the topmost hidden activities, centred, of a mean square of 1."""
        top = len(self.blocks) - 1
        return self.blocks[top](same_length(h - self.get_buffer(f"mean{top}")))  # type: ignore[no-any-return]

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
        for k, block in enumerate(self.blocks[:-1]):
            x = block(self.centred(x, k))
        return self.read(x)

    def reference(self, x: Tensor, y: Tensor) -> Tensor | None:
        """None: the hidden layers follow no loss."""
        return None
