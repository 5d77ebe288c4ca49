"""Predictive coding (Rao & Ballard 1999; Whittington & Bogacz 2017; Pinchetti et al. 2024)."""

from functools import partial
from typing import Any, Literal

from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.predicted import Predicted
from benchmark.credit.predictive import energy, fixed_energy, slopes
from benchmark.networks import Network
from benchmark.traits import Traits


class PC(Predicted):
    """Predictive coding: states relax between image and label, then weights predict them better.

        eps_l = h_l - f_l(h_{l-1}),   F = sum_l 1/2 ||eps_l||^2     (Whittington & Bogacz 2017)
        T times    h_l <- h_l - lr_h dF/dh_l,   from the feed-forward pass
        then       Delta theta_l = -lr dF/dtheta_l = lr eps_l df_l/dtheta_l

    The output is pulled towards the label by beta, and F divided by it: 1 clamps the label, a
    negative one pushes away; ``centered`` takes the mean of both (Pinchetti et al. 2024). With a
    ``nudged`` output this is equilibrium propagation on F: as beta -> 0 and T grows, backprop. With
    ``fixed`` predictions, f_l and their derivatives stay those of the feed-forward pass, and the
    update is backprop's for any beta.
    """

    traits = Traits(
        "predictive coding", "Whittington & Bogacz", 2017,
        teacher="above", transport="weights", second_pass=True, settling=True,
        same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        nudging: Literal["one_sided", "centered"] = "one_sided",
        predictions: Literal["free", "fixed"] = "free",
        **predicted: Any,
    ) -> None:
        """
        Args:
            nudging: by beta, or by beta and by -beta, each with states of its own.
            predictions: follow the states, or stay those of the feed-forward pass.
        """
        super().__init__(net, **predicted)
        self.pulls = [self.beta, -self.beta] if nudging == "centered" else [self.beta]
        self.predictions = predictions

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        h, logits = self.feedforward(x)
        terms = []
        for beta in self.pulls:
            cost = self.pull(logits, y, beta)
            if self.predictions == "free":
                slope = partial(slopes, self.net.blocks, x, cost)
                F = energy(self.net.blocks, x, cost, self.relax(h, slope))
            else:
                F = fixed_energy(self.net.blocks, x, cost, h, self.relax)
            terms.append(F / (beta * len(self.pulls) * len(x)))
        return Credit(sum(terms[1:], terms[0]), logits)
