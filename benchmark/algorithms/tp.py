"""Target propagation without the difference correction (Lee et al. 2015, section 2.2)."""

from torch import Tensor

from benchmark.algorithms.dtp import DTP
from benchmark.algorithms.families.targeted import Encoding
from benchmark.credit.targets import propagated_targets


class TP(DTP):
    """Target propagation: decoders alone carry the target down.

        t_K     = h_K - step dJ/dh_K
        t_{k-1} = g_k(t_k)                                 (Lee et al. 2015, eq. 9)

    Layers and decoders learn as in dtp, whose correction h_{k-1} - g_k(h_k) is the error that an
    imperfect decoder makes here.
    """

    traits = DTP.traits

    def targets(self, encoding: Encoding, y: Tensor) -> list[Tensor]:
        return propagated_targets(self.top_target(encoding, y), self.inverses(encoding))
