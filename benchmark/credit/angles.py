"""How well an update agrees with the gradient, and feedback weights with forward weights.

Pure functions of a module and its tensors. Angles are in degrees: 0 is aligned, 90 orthogonal, 180
opposite; nan where a vector is zero or not finite.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from benchmark.networks import Block, Network


def angle(u: Tensor, v: Tensor) -> Tensor:
    """The angle between two tensors of equal size, as a float64 scalar.

    2 atan2(|u/|u| - v/|v||, |u/|u| + v/|v||): exact at 0 and at 180, where the arc cosine is not.
    """
    u, v = u.detach().double().flatten(), v.detach().double().flatten()
    u, v = u / u.norm(), v / v.norm()
    return torch.rad2deg(2 * torch.atan2((u - v).norm(), (u + v).norm()))


def norm_ratio(u: Tensor, v: Tensor) -> Tensor:
    """|u| / |v| as a float64 scalar."""
    return u.detach().double().norm() / v.detach().double().norm()


def synapses(net: nn.Module) -> dict[str, nn.Module]:
    """Layers with weights of two or more dimensions (not norms), by readable name."""
    return {
        name.removesuffix(".synapse"): module
        for name, module in net.named_modules()
        if isinstance(module._parameters.get("weight"), Tensor) and module.weight.ndim > 1
    }


def feedback_pairs(net: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """(B, W), in one shape, of every synapse that sends an error back through weights of its own.

    The first synapse sends none: what lies below it is the input.
    """
    return {
        name: (B, synapse.get_parameter("weight"))
        for name, synapse in list(synapses(net).items())[1:]
        if isinstance(B := getattr(synapse, "B", None), Tensor)
    }


def direct_pairs(algorithm: nn.Module, net: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """(B_k, W_L .. W_{k+2}), each ``[classes, units]``, of blocks taught by the output error.

    B_k is the algorithm's tensor of that name, for the block with index k. The product of the
    weights downstream is defined below fully connected blocks only.
    """
    return {
        f"blocks.{k}": (B, product)
        for k, product in reversed(list(_downstream(net)))
        if isinstance(B := getattr(algorithm, f"B{k}", None), Tensor) and B.shape == product.shape
    }


def _downstream(net: nn.Module) -> Iterator[tuple[int, Tensor]]:
    """(k, product of the weights above block k), from the top down while blocks are linear."""
    if not isinstance(net, Network):
        return
    product: Tensor | None = None
    for k, block in reversed(list(enumerate(net.blocks))):
        if k == 0 or not (isinstance(block, Block) and isinstance(block.synapse, nn.Linear)):
            return
        W = block.synapse.weight.detach()
        if product is not None and product.shape[1] != len(W):  # blocks that are no chain
            return
        product = W if product is None else product @ W
        yield k - 1, product
