"""Perturbations of all weights of a network, many at once: drawn, answered with, and summed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map


class LowRank(NamedTuple):
    """A matrix a b^T that is not formed.

    Attributes:
        a: ``[..., outputs, r]``.
        b: ``[..., inputs, r]``.
    """

    a: Tensor
    b: Tensor

    def dense(self) -> Tensor:
        """The matrix, ``[..., outputs, inputs]``."""
        return self.a @ self.b.mT


T = TypeVar("T", Tensor, LowRank, Tensor | LowRank)
Perturbations = Mapping[str, Tensor | LowRank]  # of each parameter by name, ``[n, *shape]``


def draw_normal(
    like: Mapping[str, Tensor], n: int, sigma: float, generator: torch.Generator, rank: int = 0
) -> dict[str, Tensor | LowRank]:
    """``n`` perturbations sigma eps with E[eps] = 0 and E[eps eps^T] = 1.

    Args:
        like: the parameters.
        n: how many.
        sigma: their standard deviation.
        generator: drawn from, first parameter first.
        rank: eps is normal if 0; else that of a matrix is r^(-1/2) a b^T, a and b normal, with r
            columns, where that is fewer numbers.
    """
    drawn: dict[str, Tensor | LowRank] = {}
    for name, p in like.items():
        kind = {"generator": generator, "dtype": p.dtype, "device": p.device}
        rows, columns = len(p), p[0].numel()
        if rank and rank * (rows + columns) < p.numel():
            a = torch.randn(n, rows, rank, **kind)  # type: ignore[call-overload]
            b = torch.randn(n, columns, rank, **kind)  # type: ignore[call-overload]
            drawn[name] = LowRank(sigma * rank**-0.5 * a, b)
        else:
            drawn[name] = sigma * torch.randn(n, *p.shape, **kind)  # type: ignore[call-overload]
    return drawn


def part(deltas: Mapping[str, T], which: slice | Tensor) -> dict[str, T]:
    """Some of the perturbations."""
    return tree_map(lambda t: t[which], dict(deltas))  # type: ignore[no-any-return]


def with_opposites(deltas: Perturbations) -> dict[str, Tensor | LowRank]:
    """Each of the perturbations, then each of them negated."""
    return {
        name: LowRank(torch.cat([d.a, -d.a]), torch.cat([d.b, d.b]))
        if isinstance(d, LowRank)
        else torch.cat([d, -d])
        for name, d in deltas.items()
    }


def weighted_sum(s: Tensor, delta: Tensor | LowRank, like: Tensor) -> Tensor:
    """sum_i s_i delta_i in the shape of a parameter, for weights ``s`` ``[n]``."""
    if isinstance(delta, LowRank):
        return torch.einsum("n,nor,nir->oi", s, delta.a, delta.b).view_as(like)
    return torch.tensordot(s, delta, 1)


def perturbed(net: nn.Module, delta: Perturbations, x: Tensor) -> Tensor:
    """The answer of ``net`` at theta + delta, for one perturbation (under vmap, for many).

    What a low rank adds to a linear layer is added to its output, W x + a (b^T x): W itself stays
    the same for all, so that under vmap its part is one product, and for the inputs only done once.
    """
    linear = {f"{k}.weight": m for k, m in net.named_modules() if isinstance(m, nn.Linear)}
    parameters, handles = {}, []
    for name, d in delta.items():
        if isinstance(d, LowRank) and name in linear:
            handles.append(linear[name].register_forward_hook(_adding(d)))
        else:
            p = net.get_parameter(name)
            dense = d.dense().reshape(p.shape) if isinstance(d, LowRank) else d
            parameters[name] = p.detach() + dense
    try:
        return functional_call(net, parameters, (x,))  # type: ignore[no-any-return]
    finally:
        for handle in handles:
            handle.remove()


def _adding(d: LowRank):  # type: ignore[no-untyped-def]
    """A forward hook that adds a (b^T x) to a linear layer's output.

    In this order, what vmap makes of b^T x is one product where all have the same inputs.
    """
    return lambda _, args, output: output + (d.b.mT @ args[0].mT).mT @ d.a.mT


def centred_ranks(fitness: Tensor) -> Tensor:
    """Ranks of ``[n]`` numbers, from -1/2 for the lowest to 1/2 for the highest; equal ones share
    the mean of their ranks."""
    ordered = fitness.sort().values
    below = torch.searchsorted(ordered, fitness)
    up_to = torch.searchsorted(ordered, fitness, right=True)
    ranks = (below + up_to - 1).to(fitness.dtype) / 2
    return ranks / (len(fitness) - 1) - 0.5
