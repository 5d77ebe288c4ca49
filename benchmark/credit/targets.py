"""Targets: the recursions that carry a target downwards, and the losses of the decoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]


@torch.no_grad()
def propagated_targets(top_target: Tensor, inverses: Sequence[Map]) -> list[Tensor]:
    """Targets t_1 .. t_K by plain target propagation: t_{k-1} = g_k(t_k), given t_K, g_2 .. g_K."""
    targets = [top_target]
    for g in reversed(inverses):
        targets.append(g(targets[-1]))
    return targets[::-1]


@torch.no_grad()
def difference_targets(
    activities: Sequence[Tensor], top_target: Tensor, inverses: Sequence[Map]
) -> list[Tensor]:
    """Targets t_1 .. t_K of activities h_1 .. h_K by difference target propagation.

        t_{k-1} = h_{k-1} - g_k(h_k) + g_k(t_k)            (Lee et al. 2015, eq. 15)

    Args:
        activities: h_1 .. h_K.
        top_target: t_K, in the shape of h_K.
        inverses: g_2 .. g_K.
    """
    targets = [top_target]
    for h_below, h, g in zip(activities[-2::-1], activities[:0:-1], inverses[::-1], strict=True):
        targets.append(h_below - g(h) + g(targets[-1]))
    return targets[::-1]


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """1/2 ||a - b||^2, summed over the units and averaged over the batch."""
    return 0.5 * (a - b).square().sum() / len(a)


def layer_losses(activities: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """sum_k 1/2 ||h_k - t_k||^2 / N: every layer chases its own target."""
    pairs = zip(activities, targets, strict=True)
    return torch.stack([squared_distance(h, t.detach()) for h, t in pairs]).sum()
