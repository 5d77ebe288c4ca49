"""Layers that learn by themselves: what they hand on, and the predictions from all of them."""

import math
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm
from benchmark.credit import goodness as ff
from benchmark.engine.turns import Layers, Turns
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.options import CountOrZero, NotNegative


class Layerwise(Algorithm):
    """Base of rules whose layers have a goodness each, and hand on only their direction.

    A linear read-out of the layers' scaled activities replaces the output block where needed.
    """

    def __init__(
        self,
        net: Network,
        *,
        predict_by: Literal["goodness", "readout"] = "goodness",
        label: ff.Label = ff.Label(),  # noqa: B008 (frozen)
        goodness: ff.Goodness = ff.Goodness(),  # noqa: B008 (frozen)
        length: ff.Length = "rms",
        layers: Layers = "together",
        skip: CountOrZero = 1,
        readout_lr: NotNegative = 0.01,
        **base: Any,
    ) -> None:
        """
        Args:
            predict_by: goodness over layers, of each label in turn; or the read-out, in one pass.
            label: how images show labels.
            goodness: of a layer, and what it is compared with.
            length: what is scaled to 1 before each layer: root mean square or Euclidean norm.
            layers: learn all together, or one after the other, each for its share of the epochs.
            skip: lowest layers that prediction leaves out (at least one layer stays).
            readout_lr: learning rate of the read-out.
        """
        super().__init__(net, **base)
        if self.loss != "cross_entropy":
            raise UserError(
                f"ff has no use for the loss {self.loss}: its layers have their own, its read-out "
                "descends cross_entropy"
            )
        if not all(isinstance(block, Block) for block in net.blocks) or len(net.blocks) < 2:
            raise UserError("ff needs hidden layers of plain blocks (one synapse each): mlp, lenet")
        *shapes, (self.classes,) = net.shapes()[1:]
        self.skip = min(skip, len(shapes) - 1)
        self.by_goodness = predict_by == "goodness"
        self.goodness, self.length, self.readout_lr = goodness, length, readout_lr
        self.turns = Turns(layers, len(shapes))
        if self.turns.greedy:
            self.traits = replace(self.traits, same_steps=False)
        self.show = ff.LabelDisplay(label, self.classes, net.in_shape, self.feedback_stream(0))
        self.features = sum(map(math.prod, shapes[self.skip :]))
        self.readout: nn.Linear | None = None
        if not self.by_goodness:
            self.add_readout()
        del net.blocks[-1]

    def add_readout(self) -> None:
        """Have a read-out learn, from zero.

        Raises:
            UserError: for a network with dropout: the read-out's pass and that of the layers would
                need masks of their own.
        """
        if self.net.dropouts:
            raise UserError(
                "ff's read-out takes no dropout: leave out network.dropout and input_dropout, or "
                "use predict_by=goodness and negatives=random"
            )
        self.readout = ff.zero_linear(self.features, self.classes)

    def input_of(self, x: Tensor) -> Tensor:
        """What the layers see of an image where it shows no label."""
        return self.show.neutral(x)

    def activities(self, x: Tensor) -> list[Tensor]:
        """h_1 .. h_K, the graph cut between layers."""
        h = [x]
        for k, block in enumerate(self.net.blocks):
            h.append(block(self.handed_on(h[-1], k).detach()))
        return h[1:]

    def handed_on(self, h: Tensor, k: int) -> Tensor:
        """What block ``k`` reads of the data or of activities below it: their direction."""
        return ff.same_length(h, self.length)

    def contrasted(self, x: Tensor, y: Tensor, logits: Tensor | None) -> list[Tensor]:
        """Positive data, negative data, and the labels that the negative data show.

        Args:
            x: images.
            y: their labels.
            logits: of the read-out, where it is known.
        """
        raise NotImplementedError

    def check_epochs(self, epochs: int) -> None:
        self.turns.check(epochs)

    def learns(self, k: int) -> bool:
        """Whether layer ``k`` learns now: all do, or one after the other."""
        return self.turns.has(k, self)

    def read(self, x: Tensor) -> Tensor:
        """The read-out's logits, from one pass with the neutral label (or without any)."""
        with torch.no_grad():
            h = self.activities(self.input_of(x))[self.skip :]
            features = torch.cat([ff.same_length(h_k.flatten(1), self.length) for h_k in h], 1)
        return self.readout(features)  # type: ignore[misc]

    def predict(self, x: Tensor) -> Tensor:
        if not self.by_goodness:
            return self.read(x)
        scores = []
        for label in range(self.classes):
            shown = self.show(x, torch.full((len(x),), label, device=x.device))
            g = [self.goodness(h_k) for h_k in self.activities(shown)[self.skip :]]
            scores.append(torch.stack(g).sum(0))
        return torch.stack(scores, 1)

    def param_groups(self) -> list[dict[str, Any]]:
        if self.readout is None:
            return super().param_groups()
        readout = {"name": "readout", "params": [*self.readout.parameters()], "lr": self.readout_lr}
        return [*super().param_groups(), readout]

    def reference(self, x: Tensor, y: Tensor) -> None:
        """None: the layers follow losses of their own, none of them a common one's gradient."""

    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Each layer's mean goodness per unit, on positive and on negative data."""
        positive, negative, _ = self.contrasted(x, y, None)
        return {
            f"goodness_{sign}/blocks.{k}": h_k.square().mean().double()
            for sign, data in (("positive", positive), ("negative", negative))
            for k, h_k in enumerate(self.activities(data))
        }
