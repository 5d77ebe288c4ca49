"""Symmetric alignment (Kunin, Nayebi et al. 2020)."""

from dataclasses import replace
from typing import Any

from benchmark.algorithms.primitives import PrimitiveSum
from benchmark.credit.estimation import NoisePhase
from benchmark.networks import Network
from benchmark.options import NotNegative


class SA(PrimitiveSum):
    """B is drawn straight to W: a non-local rule, the best that alignment can do.

    R = -self <B, W> + decay/2 ||B||^2,   at rest B = (self / decay) W   (Kunin et al. 2020)
    """

    traits = replace(PrimitiveSum.traits, transport="weights")

    def __init__(
        self, net: Network, *, self_: NotNegative = 1.0, decay: NotNegative = 1.0, **options: Any
    ) -> None:
        """
        Args:
            self_: weight of the primitive self, -<B, W>.
            decay: weight of 1/2 ||B||^2.
        """
        super().__init__(
            net, self_=self_, decay=decay, amp=0.0, null=0.0, sparse=0.0,
            running=True, noise=NoisePhase(), normalize=False, **options,
        )  # fmt: skip
