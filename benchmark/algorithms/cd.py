"""Contrastive divergence (Hinton 2002): a stack of Boltzmann machines under a linear read-out."""

from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.boltzmann import Boltzmann
from benchmark.credit.losses import task_loss
from benchmark.traits import Traits


class CD(Boltzmann):
    """Contrastive divergence: hidden layers learn to prefer data to their own fantasies.

        Delta W_ij = lr (<v_i h_j>_data - <v_i h_j>_k)                              (Hinton 2002)

    No label reaches the hidden layers. A linear read-out of the topmost one learns beside them by
    the task loss; in turn with them if ``layers`` is greedy.
    """

    traits = Traits(
        "Boltzmann machines", "Hinton", 2002,
        teacher="none", second_pass=True, noise=True, networks="samples", same_steps=True,
    )  # fmt: skip

    readout = True

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        v, objective = x.flatten(1), x.new_zeros(())
        for k, machine in enumerate(self.machines):
            objective = objective + self.contrast(k, v)
            v = machine.hidden(v).detach()
        logits = self.net.blocks[-1](v)
        if self.learns(len(self.machines)):
            objective = objective + task_loss(logits, y, self.loss)
        return Credit(objective, logits)
