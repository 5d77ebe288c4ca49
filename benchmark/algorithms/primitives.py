"""Any weighted sum of the alignment primitives (Kunin, Nayebi et al. 2020)."""

from typing import Any

from benchmark.algorithms.families.regularized import Regularized
from benchmark.credit.estimation import Primitives
from benchmark.networks import Network
from benchmark.options import NotNegative
from benchmark.traits import Traits


class PrimitiveSum(Regularized):
    """B is learned by descending any weighted sum of decay, amp, null, sparse and self.

        L(W, B) = J(W) + R(B)                              (Kunin et al. 2020, eq. 1)
        R = sum over synapses of
            decay/2 ||B||^2 - amp <B x, y> + null/2 ||B^T y||^2 + sparse/2 ||B x||^2 - self <B, W>

    W learns by feedback alignment through B; R moves B alone. x is the synapse's input and
    y = W x its response, without bias. wm, ia, sa and aa are points of this space.
    """

    traits = Traits(
        "learned feedback", "Kunin et al.", 2020,
        teacher="above", feedback="learned", backward_pass=True, same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        decay: NotNegative = 1.0,
        amp: NotNegative = 1.0,
        null: NotNegative = 0.0,
        sparse: NotNegative = 0.0,
        self_: NotNegative = 0.0,
        **regularized: Any,
    ) -> None:
        """
        Args:
            decay: weight of 1/2 ||B||^2, local.
            amp: weight of -<B x, y>, local.
            null: weight of 1/2 ||B^T y||^2, local.
            sparse: weight of 1/2 ||B x||^2, non-local.
            self_: weight of the primitive self, -<B, W>, non-local.
        """
        self.weights = Primitives(decay, amp, null, sparse, self_)
        super().__init__(net, **regularized)
