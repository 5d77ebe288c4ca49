"""Forward-Forward (Hinton 2022): layers tell positive from negative data by their goodness."""

import math
from dataclasses import replace
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.layerwise import Layerwise
from benchmark.credit.goodness import hybrids, negative_labels
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.traits import Traits


class FF(Layerwise):
    """Forward-Forward: every layer by itself wants high goodness on positive data, low on negative.

        g_k = sum_j h_kj^2,    P(positive) = sigma(g_k - theta)         (Hinton 2022, eq. 1)
        Delta W_k = -lr d/dW_k [softplus(theta - g_k^pos) + softplus(g_k^neg - theta)] / 2

    Without a read-out the training accuracy is how often the true label beats the negative's.
    """

    traits = Traits(
        "forward-forward", "Hinton", 2022,
        teacher="label", second_pass=True, noise=True, networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        data: Literal["supervised", "unsupervised"] = "supervised",
        negatives: Literal["random", "hard"] = "random",
        **layerwise: Any,
    ) -> None:
        """
        Args:
            data: images that show their label (negatives a wrong one), or plain ones and hybrids.
            negatives: wrong labels drawn uniformly, or by the read-out's probabilities.
        """
        super().__init__(net, **layerwise)
        self.supervised, self.hard = data == "supervised", negatives == "hard"
        if not self.supervised and (self.by_goodness or self.hard):
            raise UserError("unsupervised ff needs predict_by=readout and negatives=random")
        if self.hard and self.readout is None:
            self.add_readout()
        self.traits = replace(
            self.traits,
            teacher="none" if not self.supervised else "above" if self.hard else "label",
            feedback="learned" if self.hard else "none",
            batch=not self.supervised or self.goodness.peer > 0,
        )

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

    def input_of(self, x: Tensor) -> Tensor:
        return super().input_of(x) if self.supervised else x

    def contrasted(self, x: Tensor, y: Tensor, logits: Tensor | None) -> list[Tensor]:
        if not self.supervised:
            return [x, hybrids(x, self.noise), y]
        wrong = negative_labels(y, self.classes, logits if self.hard else None, self.noise)
        return [self.show(x, y), self.show(x, wrong), wrong]
