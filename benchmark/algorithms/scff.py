"""Self-contrastive Forward-Forward (Chen et al. 2025): a sample with itself, or with another."""

from typing import Any, Literal

from torch import Tensor

from benchmark.algorithms.ff import FF
from benchmark.networks import Network
from benchmark.traits import Traits


class SCFF(FF):
    """Self-contrastive Forward-Forward: a positive sample is shown twice, a negative one is mixed.

        x^pos = x_i + x_i,   x^neg = x_i + x_j,   j != i                       (Chen et al. 2025)
        Delta W_k = -lr d/dW_k [softplus(theta - g_k^pos) + softplus(g_k^neg - theta)] / 2

    The paper's pairs lie beside each other and reach units through the same weights, so that they
    are summed. x_j is the neighbour in the (shuffled) batch. No label reaches the layers: a linear
    read-out of them all predicts.
    """

    traits = Traits(
        "forward-forward", "Chen et al.", 2025,
        teacher="none", second_pass=True, batch=True, networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(
        self, net: Network, *, predict_by: Literal["readout"] = "readout", **layerwise: Any
    ) -> None:
        """
        Args:
            predict_by: the read-out: no label is shown.
        """
        super().__init__(net, predict_by=predict_by, data="unsupervised", **layerwise)

    def contrasted(self, x: Tensor, y: Tensor, logits: Tensor | None) -> list[Tensor]:
        return [x + x, x + x.roll(1, 0), y]

    def input_of(self, x: Tensor) -> Tensor:
        return x + x
