"""Forward-Forward (Hinton 2022): layers tell positive from negative data by their goodness."""

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit import goodness as ff
from benchmark.errors import UserError
from benchmark.networks import Block, Network


class FF(Algorithm):
    """Forward-Forward: every layer by itself wants high goodness on positive data, low on negative.

        g_k = sum_j h_kj^2,    P(positive) = sigma(g_k - theta)         (Hinton 2022, eq. 1)
        Delta W_k = -lr d/dW_k [softplus(theta - g_k^pos) + softplus(g_k^neg - theta)] / 2

    A linear read-out of the layers' scaled activities replaces the output block where needed;
    without it the training accuracy is how often the true label beats the negative's.
    """

    same_steps = True

    def __init__(
        self,
        net: Network,
        *,
        data: Literal["supervised", "unsupervised"] = "supervised",
        negatives: Literal["random", "hard"] = "random",
        predict_by: Literal["goodness", "readout"] = "goodness",
        label: ff.Label = ff.Label(),  # noqa: B008 (frozen)
        goodness: ff.Goodness = ff.Goodness(),  # noqa: B008 (frozen)
        length: ff.Length = "rms",
        layers: Literal["together", "greedy"] = "together",
        skip: int = 1,
        readout_lr: float = 0.01,
        **base: Any,
    ) -> None:
        """
        Args:
            data: images that show their label (negatives a wrong one), or plain ones and hybrids.
            negatives: wrong labels drawn uniformly, or by the read-out's probabilities.
            predict_by: goodness over layers, of each label in turn; or the read-out, in one pass.
            label: how images show labels.
            goodness: of a layer, and what it is compared with.
            length: what is scaled to 1 before each layer: root mean square or Euclidean norm.
            layers: learn all together, or one after the other, each for its share of the epochs.
            skip: lowest layers that prediction leaves out (at least one layer stays).
            readout_lr: learning rate of the read-out.
        """
        super().__init__(net, **base)
        if not all(isinstance(block, Block) for block in net.blocks) or len(net.blocks) < 2:
            raise UserError("ff needs hidden layers of plain blocks (one synapse each): mlp, lenet")
        if data == "unsupervised" and (predict_by, negatives) != ("readout", "random"):
            raise UserError("unsupervised ff needs predict_by=readout and negatives=random")
        *shapes, (self.classes,) = net.shapes()[1:]
        self.skip = min(skip, len(shapes) - 1)
        self.supervised, self.by_goodness = data == "supervised", predict_by == "goodness"
        self.goodness, self.length, self.readout_lr = goodness, length, readout_lr
        self.hard, self.greedy = negatives == "hard", layers == "greedy"
        self.same_steps &= not self.greedy
        self.show = ff.LabelDisplay(label, self.classes, net.in_shape, self.feedback_stream(0))
        units, reads = sum(map(math.prod, shapes[self.skip :])), self.hard or not self.by_goodness
        self.readout = ff.zero_linear(units, self.classes) if reads else None
        del net.blocks[-1]

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        n, objective, logits = len(x), x.new_zeros(()), None
        if self.readout is not None:
            logits = self.read(x)
            objective = F.cross_entropy(logits, y)
        *data, wrong = self.contrasted(x, y, logits)
        total = x.new_zeros(2 * n)
        for k, h_k in enumerate(self.activities(torch.cat(data))):
            g = self.goodness(h_k)
            if k >= self.skip:
                total += g.detach()
            if self.learns(k):
                objective = objective + self.goodness.loss(h_k, g)
        if logits is None:
            logits = x.new_full((n, self.classes), -math.inf)
            logits = logits.scatter(1, torch.stack([y, wrong], 1), total.view(2, n).t())
        return Credit(objective, logits)

    def contrasted(self, x: Tensor, y: Tensor, logits: Tensor | None) -> list[Tensor]:
        """Positive data, negative data, and the labels that the negative data show."""
        if not self.supervised:
            return [x, ff.hybrids(x, self.noise), y]
        wrong = ff.negative_labels(y, self.classes, logits if self.hard else None, self.noise)
        return [self.show(x, y), self.show(x, wrong), wrong]

    def activities(self, x: Tensor) -> list[Tensor]:
        """h_1 .. h_K, the graph cut between layers."""
        h = [x]
        for block in self.net.blocks:
            h.append(block(ff.same_length(h[-1], self.length).detach()))
        return h[1:]

    def read(self, x: Tensor) -> Tensor:
        """The read-out's logits, from one pass with the neutral label (or without any)."""
        with torch.no_grad():
            h = self.activities(self.show.neutral(x) if self.supervised else x)[self.skip :]
            features = torch.cat([ff.same_length(h_k.flatten(1), self.length) for h_k in h], 1)
        return self.readout(features)  # type: ignore[misc]

    def learns(self, k: int) -> bool:
        """Whether layer ``k`` learns now: all do, or one after the other."""
        layers = len(self.net.blocks)
        return not self.greedy or k == self.current_epoch * layers // (self.trainer.max_epochs or 1)

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
        params = [] if self.readout is None else [*self.readout.parameters()]
        readout = {"name": "readout", "params": params, "lr": self.readout_lr}
        return [*super().param_groups(), readout] if params else super().param_groups()

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
