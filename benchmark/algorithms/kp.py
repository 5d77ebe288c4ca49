"""Kolen-Pollack learning (Kolen & Pollack 1994; Akrout et al. 2019)."""

from benchmark.algorithms.families.learned_feedback import LearnedFeedback
from benchmark.traits import Traits


class KP(LearnedFeedback):
    """W and B receive the same update and the same decay, so that they become each other.

        Delta W = -lr (delta h^T + decay W)                (Akrout et al. 2019, eq. 16-17)
        Delta B = -lr (delta h^T + decay B)

    Hence W - B falls by the factor 1 - lr decay each step (with plain sgd). The decay is the
    optimizer's ``weight_decay``; without it W - B stays as it was drawn.
    """

    traits = Traits(
        "learned feedback", "Kolen & Pollack", 1994,
        teacher="above", feedback="learned", backward_pass=True, same_steps=True,
    )  # fmt: skip
    shares_update = True
