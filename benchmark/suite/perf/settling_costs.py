"""What a settling step costs beside the matrix products or convolutions it cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.credit.settling import Output, Phi, States, input_drive, one_hot_targets, weight_of
from benchmark.networks.block import Block
from benchmark.networks.hopfield import Hopfield, HopfieldConv
from benchmark.streams import stream
from benchmark.suite.perf.timing import Cost, in_turns


@torch.no_grad()
def settling_costs(batch_size: int = 128, rounds: int = 31) -> list[Cost]:
    """Time a step of the fully connected and of the convolutional network, on the CPU.

    Args:
        batch_size: samples that settle together.
        rounds: how often each is timed, in turns.
    """
    g = stream(0, "perf")
    nets = {
        "fc 784-512-512-10": Hopfield((1, 28, 28), 10, g, hidden=(512, 512)),
        "conv 3-32-64-10": HopfieldConv((3, 32, 32), 10, g, channels=(32, 64)),
    }
    costs = []
    for name, net in nets.items():
        blocks: list[Block] = list(net.blocks)  # type: ignore[arg-type]
        x = torch.rand(batch_size, *net.in_shape, generator=g)
        y = torch.arange(batch_size) % 10
        phi = Phi(blocks, net.sigma, input_drive(blocks[0], x))
        s = [torch.zeros(batch_size, *shape) for shape in net.shapes()[1:]]
        s = phi.step(phi.step(s))
        force = Output("mse", None).nudge(one_hot_targets(y, 10, x), 0.5)
        work = products(phi, s)
        step, alone = in_turns(rounds, lambda p=phi, t=s, f=force: p.step(t, f), work)  # type: ignore[misc]
        costs.append(Cost(name, step, alone))
    return costs


def products(phi: Phi, s: States) -> Callable[[], None]:
    """The products of one step and nothing else: each synapse once up and once down."""
    calls: list[tuple[Any, tuple[Tensor, ...], dict[str, Any]]] = []
    for block, below, above in zip(phi.blocks[1:], s, s[1:], strict=False):
        weight = weight_of(block)
        if isinstance(block.synapse, nn.Linear):
            flat = below.flatten(1)
            calls += [(torch.mm, (flat, weight.t()), {}), (torch.mm, (above, weight), {})]
        else:
            a = block.affine(below)  # what is sent down has the shape before pooling
            options = {"padding": block.synapse.padding}
            calls += [
                (F.conv2d, (below, weight), options),
                (F.conv_transpose2d, (torch.rand_like(a), weight), options),
            ]

    def run() -> None:
        for function, tensors, options in calls:
            function(*tensors, **options)

    return run


def report() -> str:
    """A line for each network."""
    return "\n".join(
        f"settling step, {c.name:18} {c.ours:9.0f} us, its products {c.yardstick:9.0f} us: "
        f"{c.ratio:.2f} (at most 1.3)"
        for c in settling_costs()
    )
