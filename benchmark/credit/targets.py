"""Targets: the recursions that carry a target downwards, and the losses of the decoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.credit.losses import flat

Map = Callable[[Tensor], Tensor]
Difference = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def propagated_targets(top_target: Tensor, inverses: Sequence[Map]) -> list[Tensor]:
    """Targets t_1 .. t_K by plain target propagation: t_{k-1} = g_k(t_k), given t_K, g_2 .. g_K."""
    targets = [top_target]
    for g in reversed(inverses):
        targets.append(g(targets[-1]))
    return targets[::-1]


@torch.no_grad()
def difference_targets(
    activities: Sequence[Tensor], top_target: Tensor, differences: Sequence[Difference]
) -> list[Tensor]:
    """Targets t_1 .. t_K of activities h_1 .. h_K by difference target propagation.

        t_{k-1} = h_{k-1} - g_k(h_k) + g_k(t_k)            (Lee et al. 2015, eq. 15)

    Args:
        activities: h_1 .. h_K.
        top_target: t_K, in the shape of h_K.
        differences: d_2 .. d_K, each d_k(t, h) = g_k(t) - g_k(h).
    """
    targets = [top_target]
    below, above = activities[-2::-1], activities[:0:-1]
    for h_below, h, d in zip(below, above, reversed(differences), strict=True):
        targets.append(h_below + d(targets[-1], h))
    return targets[::-1]


def squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """1/2 ||a - b||^2, summed over the units and averaged over the batch."""
    ours, theirs = flat(a, b)
    return F.mse_loss(ours, theirs, reduction="sum") / (2 * len(a))


def layer_losses(activities: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """sum_k 1/2 ||h_k - t_k||^2 / N: every layer chases its own target."""
    pairs = zip(activities, targets, strict=True)
    return torch.stack([squared_distance(h, t.detach()) for h, t in pairs]).sum()


def local_difference_reconstruction_loss(
    noise: Tensor, from_below: Tensor, from_above: Tensor
) -> Tensor:
    """The loss that makes g's Jacobian the transpose of f's (Ernoult et al. 2022, eq. 12).

        (-2 <noise, g(f(h + noise)) - g(f(h))>  +  ||g(f(h) + noise') - g(f(h))||^2) / N

    In expectation, for small noise of variance s^2: s^2 (-2 tr(J_g J_f) + ||J_g||^2).

    Args:
        noise: what was added to the activities below.
        from_below: g(f(h + noise)) - g(f(h)).
        from_above: g(f(h) + noise') - g(f(h)), for noise' of the same size.
    """
    return (from_above.square().sum() - 2 * (noise * from_below).sum()) / len(noise)
