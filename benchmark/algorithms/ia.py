"""Information alignment (Kunin, Nayebi et al. 2020)."""

from typing import Any

from benchmark.algorithms.primitives import PrimitiveSum
from benchmark.networks import Network
from benchmark.options import NotNegative


class IA(PrimitiveSum):
    """Weight mirror on the running activities, kept stable by the local primitive null.

    R = -amp <B x, y> + decay/2 ||B||^2 + null/2 ||B^T y||^2     (Kunin et al. 2020, sec. 3.2)
    """

    traits = PrimitiveSum.traits

    def __init__(
        self,
        net: Network,
        *,
        amp: NotNegative = 1.0,
        decay: NotNegative = 0.5,
        null: NotNegative = 0.5,
        **options: Any,
    ) -> None:
        """
        Args:
            amp: weight of -<B x, y>.
            decay: weight of 1/2 ||B||^2.
            null: weight of 1/2 ||B^T y||^2.
        """
        super().__init__(net, amp=amp, decay=decay, null=null, sparse=0.0, self_=0.0, **options)
