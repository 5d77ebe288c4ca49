"""Self-contrastive Forward-Forward (Chen et al. 2025): a sample with itself, or with another."""

from typing import Any, Literal

from torch import Tensor

from benchmark.algorithms.ff import FF
from benchmark.credit.goodness import Goodness, same_length
from benchmark.networks import Network
from benchmark.options import CountOrZero
from benchmark.traits import Traits


class SCFF(FF):
    """Self-contrastive Forward-Forward: a positive sample is shown twice, a negative one is mixed.

        x^pos = x_i + x_i,   x^neg = x_i + x_j,   j != i                       (Chen et al. 2025)
        g_k = mean_j h_kj^2
        Delta W_k = -lr d/dW_k [softplus(theta - g_k^pos) + softplus(g_k^neg - theta)] / 2

    The paper's pairs lie beside each other and reach units through the same weights, so that they
    are summed; images are brought to one length before, and the sum keeps its own. x_j is the
    neighbour in the (shuffled) batch. No label reaches the layers: a linear read-out of them all
    predicts. The authors' code also centres each image, has two thresholds, and holds the goodness
    of positive pairs down: all three are left out.
    """

    traits = Traits(
        "forward-forward", "Chen et al.", 2025,
        teacher="none", second_pass=True, batch=True, networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        predict_by: Literal["readout"] = "readout",
        goodness: Goodness = Goodness("mean", threshold=3.0),  # noqa: B008 (frozen)
        skip: CountOrZero = 0,
        **layerwise: Any,
    ) -> None:
        """
        Args:
            predict_by: the read-out: no label is shown.
            goodness: of a layer, and what it is compared with.
            skip: lowest layers that the read-out leaves out.
        """
        super().__init__(
            net, predict_by=predict_by, goodness=goodness, skip=skip, data="unsupervised",
            **layerwise,
        )  # fmt: skip

    def contrasted(self, x: Tensor, y: Tensor, logits: Tensor | None) -> list[Tensor]:
        x = same_length(x, self.length)
        return [x + x, x + x.roll(1, 0), y]

    def input_of(self, x: Tensor) -> Tensor:
        return 2 * same_length(x, self.length)

    def handed_on(self, h: Tensor, k: int) -> Tensor:
        return super().handed_on(h, k) if k else h
