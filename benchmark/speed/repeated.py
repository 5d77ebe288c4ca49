"""Repeating a step from its record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from benchmark.speed.tape import Tape
from benchmark.speed.tidy import tidy

Step = Callable[..., Tensor]


class Replay:
    """A step that is taken, then recorded while it is taken again, and from then on repeated.

    The first one lets the optimizer make its state. The step may change tensors in place (weights,
    an optimizer's state) and draw from generators. It must do the same operations at every call,
    whatever the numbers: Python's branches and numbers are for good those of the recorded one, but
    for the learning rates of fused optimizers. Inputs of another shape, or another learning rate of
    an optimizer that is not fused, are recorded anew.

    Args:
        step: a function of tensors.
        optimizer: whose learning rates the step reads, if any.
    """

    def __init__(self, step: Step, optimizer: torch.optim.Optimizer | None = None) -> None:
        self._step, self._optimizer = step, optimizer
        self._begun = False
        self._repeat: Step = step
        self._recorded: Any = None
        self._reads_rates = False

    def __call__(self, *inputs: Tensor) -> Tensor:
        if not self._begun:
            self._begun = True
            return self._step(*inputs)
        rates = [group["lr"] for group in self._groups]
        wanted = [x.shape for x in inputs], None if self._reads_rates else rates
        if wanted == self._recorded:
            return self._repeat(*inputs, *rates)
        result = self._record(*inputs)
        self._recorded = wanted[0], None if self._reads_rates else rates
        return result

    @property
    def _groups(self) -> list[dict[str, Any]]:
        """The parameter groups; loading a checkpoint replaces them."""
        return self._optimizer.param_groups if self._optimizer else []

    def _record(self, *inputs: Tensor) -> Tensor:
        """Take the step and write it down."""
        tape = Tape(inputs, self._groups)
        with tape:
            result = self._step(*inputs)
        tape.graph.output(tape.node_of(result))
        constants = tidy(tape)
        module = GraphModule(nn.Module(), tape.graph)
        forward, device = module.forward, result.device.type
        if torch.is_autocast_enabled(device):
            # Casts are operations like others, written down: none must be added.
            forward = torch.autocast(device, enabled=False)(forward)

        @torch.no_grad()
        def repeat(*changing: Any) -> Tensor:
            return forward(*changing, *constants)

        self._repeat, self._reads_rates = repeat, tape.reads_rates
        return result
