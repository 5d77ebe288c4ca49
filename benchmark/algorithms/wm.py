"""Weight mirror (Akrout et al. 2019)."""

from dataclasses import replace
from typing import Any

from benchmark.algorithms.primitives import PrimitiveSum
from benchmark.credit.estimation import NoisePhase
from benchmark.networks import Network
from benchmark.options import CountOrZero, NotNegative, options


@options
class MirrorPhase(NoisePhase):
    """The noise phase that mirrors weights.

    Attributes:
        before: noise batches before the first training step.
        every: steps between noise batches during training; 0 for none.
        samples: size of a noise batch.
        sd: standard deviation of the noise.
    """

    before: CountOrZero = 200
    every: CountOrZero = 1


class WM(PrimitiveSum):
    """Weight mirror: layers that answer noise teach B the forward weights.

        Delta B = lr_B (amp y x^T - decay B),   y = W x    (Akrout et al. 2019, eq. 7)

    The mean over noise x of variance s^2 leads B to (amp s^2 / decay) W. By default in noise
    phases, 200 batches before training and one per step; ``running`` takes the training batch's
    own activities instead, which Kunin et al. 2020 found unstable without ``adaptive`` steps and
    ``normalize``.
    """

    traits = replace(PrimitiveSum.traits, paper="Akrout et al.", year=2019, noise=True)

    def __init__(
        self,
        net: Network,
        *,
        amp: NotNegative = 1.0,
        decay: NotNegative = 1.0,
        running: bool = False,
        noise: MirrorPhase | None = None,
        **primitives: Any,
    ) -> None:
        """
        Args:
            amp: weight of -<B x, y>.
            decay: weight of 1/2 ||B||^2.
            running: descend R on the training batch's own activities too.
            noise: phases in which R is descended on noise.
        """
        super().__init__(
            net, amp=amp, decay=decay, null=0.0, sparse=0.0, self_=0.0,
            running=running, noise=noise or MirrorPhase(), **primitives,
        )  # fmt: skip
