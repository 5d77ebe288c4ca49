"""Targets: decoders that invert blocks, and the recursions that carry a target downwards."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from benchmark.errors import UserError
from benchmark.networks.block import Block, Shape


class Decoder(nn.Module):
    """g: activities of a fully connected block -> activities of the block below.

    A linear layer with a bias, then the nonlinearity of the block below (so that its outputs can
    be activities of that block).
    """

    def __init__(self, below: Block, shape: Shape, shape_below: Shape) -> None:
        super().__init__()
        if len(shape) != 1 or len(shape_below) != 1:
            raise UserError("dtp has decoders for fully connected hidden layers only: use mlp")
        self.linear = nn.Linear(shape[0], shape_below[0])
        self.activation = copy.deepcopy(below.activation)

    def forward(self, h: Tensor) -> Tensor:
        return self.activation(self.linear(h))


def reconstruction_loss(
    block: nn.Module, decoder: nn.Module, h_below: Tensor, noise: Tensor
) -> Tensor:
    """1/2 ||g(f(h + noise)) - (h + noise)||^2 / N: teaches the decoder alone, not the block."""
    corrupted = h_below.detach() + noise
    with torch.no_grad():
        h = block(corrupted)
    return 0.5 * (decoder(h) - corrupted).square().sum() / len(h_below)


@torch.no_grad()
def difference_targets(
    activities: list[Tensor], top_target: Tensor, decoders: list[nn.Module]
) -> list[Tensor]:
    """Targets t_1 .. t_K of hidden activities h_1 .. h_K by difference target propagation.

        t_{k-1} = h_{k-1} - g_k(h_k) + g_k(t_k)            (Lee et al. 2015, eq. 15)

    Args:
        activities: h_1 .. h_K.
        top_target: t_K, in the shape of h_K.
        decoders: g_2 .. g_K.
    """
    targets = [top_target]
    for h_below, h, g in zip(activities[-2::-1], activities[:0:-1], decoders[::-1], strict=True):
        targets.append(h_below - g(h) + g(targets[-1]))
    return targets[::-1]
