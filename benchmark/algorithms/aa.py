"""Activation alignment (Kunin, Nayebi et al. 2020)."""

from typing import Any

from benchmark.algorithms.primitives import PrimitiveSum
from benchmark.networks import Network
from benchmark.options import NotNegative


class AA(PrimitiveSum):
    """B learns to answer each input as W does: a non-local rule.

    R = -amp <B x, y> + sparse/2 ||B x||^2     (Kunin et al. 2020)

    At rest, with amp = sparse, B equals W on the span of the inputs.
    """

    traits = PrimitiveSum.traits

    def __init__(
        self, net: Network, *, amp: NotNegative = 1.0, sparse: NotNegative = 1.0, **options: Any
    ) -> None:
        """
        Args:
            amp: weight of -<B x, y>.
            sparse: weight of 1/2 ||B x||^2.
        """
        super().__init__(net, amp=amp, sparse=sparse, decay=0.0, null=0.0, self_=0.0, **options)
