"""Mono-Forward (Gong et al. 2025): one forward pass, a projection to the classes at each layer."""

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from benchmark.algorithms.dgl import DGL
from benchmark.networks import Network


class MonoForward(DGL):
    """Mono-Forward: goodness is how well a layer's activity, projected, tells the class.

        G_k = M_k h_k,   Delta (W_k, M_k) = -lr dCE(G_k, y)/d(W_k, M_k),   h_{k-1} held
        prediction: the largest entry of sum_k G_k, or of the last         (Gong et al. 2025)

    The projections have no biases. The output block is one more layer's: it reads the topmost
    activity, teaches nothing below it, and counts in the sum.
    """

    traits = replace(DGL.traits, paper="Gong et al.", year=2025)

    def __init__(
        self, net: Network, *, predict_by: Literal["sum", "last"] = "sum", **base: Any
    ) -> None:
        """
        Args:
            predict_by: goodness summed over the layers, or that of the last.
        """
        super().__init__(net, head_bias=False, **base)
        self.predict_by = predict_by

    def predict(self, x: Tensor) -> Tensor:
        if self.predict_by == "last":
            return super().predict(x)
        return torch.stack(self.predictions(x, cut=False)).sum(0)
