"""Decoupled greedy learning: a local loss for every layer (Belilovsky et al. 2020)."""

from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.local_losses import LocalLosses
from benchmark.traits import Traits


class DGL(LocalLosses):
    """Decoupled greedy learning: each block and its head descend a loss of their own, at once.

        z_k = A_k h_k,   Delta (W_k, A_k) = -lr dl(z_k, y)/d(W_k, A_k),   h_{k-1} held
                                                       (Belilovsky et al. 2020, alg. 1)

    No error crosses from block to block. The heads A_k are linear; the output block is the last
    one's. With one hidden layer that its output cannot teach, the hidden layer learns by A_1 alone.
    """

    traits = Traits(
        "local losses", "Belilovsky et al.", 2020,
        teacher="label", feedback="learned", same_steps=True,
    )  # fmt: skip

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        logits = self.predictions(x, cut=True)
        first, *others = self.losses(logits, y)
        return Credit(sum(others, first), logits[-1])
