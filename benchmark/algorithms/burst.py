"""Bursting cortico-cortical networks (Greedy et al. 2022): errors as bursts, in one phase."""

from typing import Any

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import local_update, output_error, prediction
from benchmark.credit.noisy_passes import affine_cut
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.networks.init import Init, draw
from benchmark.options import Positive
from benchmark.traits import Traits

P_BASE = 0.5  # the probability of a burst where no error arrives


class Burst(Algorithm):
    """BurstCCN: events carry activity up, bursts beyond their base rate carry the error down.

        e_k = f(a_k),   u_k = Y_k b_{k+1} - Q_k e_{k+1},   p_k = sigmoid(4 u_k f'(a_k) / e_k)
        b_k = p_k e_k,   Delta W_k = lr (b_k - p e_k) e_{k-1}^T,   p = 1/2
                                                                  (Greedy et al. 2022)

    f' / f is 1 - e_k for the paper's sigmoid units. Q_k is p Y_k, which cancels all events that
    carry no error: there its plasticity rests. The output bursts by b_L = p (e_L - s dJ/da_L), e_L
    its prediction; the paper has the squared error of sigmoid outputs. Updates are divided by s. As
    s -> 0 the sigmoid is linear, and the update is p times that of fa, for Y_k = W_{k+1}^T that of
    backprop. Y_k is stored as B_k in the shape of W_{k+1}. A unit without events has no bursts.
    """

    traits = Traits(
        "bursting", "Greedy et al.", 2022,
        teacher="above", feedback="fixed", networks="blocks", same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        teaching: Positive = 1.0,
        feedback_init: Init = "he_uniform",
        **base: Any,
    ) -> None:
        """
        Args:
            teaching: s, strength of the error at the output.
            feedback_init: distribution of Y.
        """
        super().__init__(net, **base)
        if not all(isinstance(b, Block) and isinstance(b.synapse, nn.Linear) for b in net.blocks):
            raise UserError("burst needs fully connected layers: mlp")
        self.teaching = teaching
        self.blocks: list[Block] = list(net.blocks)  # type: ignore[arg-type]
        for k, block in enumerate(self.blocks[1:]):
            shape = block.synapse.get_parameter("weight").shape
            self.register_buffer(f"B{k}", draw(feedback_init, shape, self.feedback_stream(k)))

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        *hidden, logits = a = affine_cut(self.blocks, x)
        with torch.no_grad():
            events = prediction(logits, self.loss)
            bursts = P_BASE * (events - self.teaching * output_error(logits, y, self.loss))
            delta = [P_BASE * events - bursts]
            for k, a_k in reversed([*enumerate(hidden)]):
                Y = self.get_buffer(f"B{k}")
                u = bursts @ Y - events @ (P_BASE * Y)
                events, slope = self.rate(k, a_k)
                bursts = events * torch.sigmoid(4 * u * slope / events.where(events != 0, 1))
                delta.insert(0, P_BASE * events - bursts)
        return Credit(local_update([d / self.teaching for d in delta], a), logits)

    def rate(self, k: int, a: Tensor) -> tuple[Tensor, Tensor]:
        """f(a) and f'(a) of block k."""
        found: Any = torch.func.jvp(self.blocks[k].activate, (a.detach(),), (torch.ones_like(a),))
        return found
