"""Transforms that decorrelate what a synapse reads, learned without a teacher."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Decorrelation(nn.Module):
    """z = R x, with R learned so that the units of z become uncorrelated.

        R <- R - eta (1/N sum_n z_n z_n^T - diag(1/N sum_n z_n^2)) R        (Dalm et al. 2023)

    R is a buffer ``[units, units]``, and starts as the identity.
    """

    def __init__(self, units: int, eta: float) -> None:
        super().__init__()
        self.eta = eta
        self.register_buffer("R", torch.eye(units))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.get_buffer("R").to(x.dtype).T

    @torch.no_grad()
    def update(self, z: Tensor) -> None:
        """One step of R from outputs ``z`` ``[N, units]``."""
        R = self.get_buffer("R")
        z = z.to(R.dtype)
        R.sub_(self.eta * ((z.T @ z / len(z)).fill_diagonal_(0) @ R))
