"""What the backward pass of an asymmetric synapse costs beside backpropagation's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.credit.feedback import convert
from benchmark.streams import stream
from benchmark.suite.perf.timing import Cost, in_turns


def synapse_costs(batch_size: int = 64, rounds: int = 101) -> list[Cost]:
    """Time a linear and a convolutional layer on the CPU.

    Args:
        batch_size: samples of a backward pass.
        rounds: how often each is timed, in turns.
    """
    g = stream(0, "perf")
    layers: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
        "linear 1024-1024": (nn.Linear(1024, 1024), (1024,)),
        "conv 32-64, 5x5 on 16x16": (nn.Conv2d(32, 64, 5, padding=2), (32, 16, 16)),
    }
    costs = []
    for name, (layer, shape) in layers.items():
        x = torch.rand(batch_size, *shape, generator=g).requires_grad_()
        through_B = convert(layer, lambda _, W: torch.randn(W.shape, generator=g))
        costs.append(Cost(name, *in_turns(rounds, *map(_backward(x), (through_B, layer)))))
    return costs


def _backward(x: Tensor) -> Callable[[nn.Module], Callable[[], object]]:
    """For a layer: its backward pass alone, to the input ``x`` and the weights, again and again."""

    def of(layer: nn.Module) -> Callable[[], object]:
        y = layer(x)
        delta = torch.rand_like(y)
        wanted: list[Any] = [x, layer.weight, layer.bias]
        return lambda: torch.autograd.grad(y, wanted, delta, retain_graph=True)

    return of


def report() -> str:
    """A line for each layer."""
    return "\n".join(
        f"backward, {c.name:25} through B {c.ours:7.0f} us, through W {c.yardstick:7.0f} us: "
        f"{c.ratio:.2f} (at most 1.05)"
        for c in synapse_costs()
    )
