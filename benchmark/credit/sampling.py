"""Restricted Boltzmann machines: free energies and samples.

Units are 0 or 1; where data lie between, they are taken for probabilities.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from benchmark.networks.block import Block


def bernoulli(p: Tensor, draws: Generator) -> Tensor:
    """0 or 1 for each of the probabilities ``p``."""
    return (torch.rand(p.shape, generator=draws, dtype=p.dtype, device=p.device) < p).to(p.dtype)


class Machine:
    """A hidden layer h and the layer v below it.

    Args:
        block: from v to h; its synapse has W ``[H, V]`` and c ``[H]``.
        b: bias of v, ``[V]``.
    """

    def __init__(self, block: Block, b: nn.Parameter) -> None:
        self.block, self.b = block, b

    @property
    def W(self) -> Tensor:
        return self.block.synapse.weight  # type: ignore[return-value]

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v) = -log sum_h exp(-E(v, h)) = -b^T v - sum_j softplus(c_j + W_j v), ``[N]``."""
        return -(v @ self.b) - F.softplus(self.block.affine(v)).sum(1)

    def hidden(self, v: Tensor) -> Tensor:
        """P(h_j = 1 | v) = sigma(c_j + W_j v), ``[N, H]``."""
        return torch.sigmoid(self.block.affine(v))

    def visible(self, h: Tensor) -> Tensor:
        """P(v_i = 1 | h) = sigma(b_i + sum_j W_ji h_j), ``[N, V]``."""
        return torch.sigmoid(F.linear(h, self.W.t(), self.b))

    @torch.no_grad()
    def gibbs(self, v: Tensor, steps: int, draws: Generator) -> Tensor:
        """v after so many rounds v -> h -> v of sampling."""
        for _ in range(steps):
            h = bernoulli(self.hidden(v), draws)
            v = bernoulli(self.visible(h), draws)
        return v
