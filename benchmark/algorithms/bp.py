"""Backpropagation (Rumelhart, Hinton & Williams 1986): the baseline of every table."""

from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import task_loss
from benchmark.traits import Traits


class BP(Algorithm):
    """Backpropagation: each weight follows the gradient of the loss.

    Delta W_k = -lr dJ/dW_k
    """

    traits = Traits(
        "backpropagation", "Rumelhart, Hinton & Williams", 1986,
        teacher="above", transport="weights", backward_pass=True, same_steps=True,
    )  # fmt: skip

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        logits = self.net(x)
        return Credit(task_loss(logits, y, self.loss), logits)
