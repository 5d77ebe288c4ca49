"""Repeating a step from its record."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from benchmark.errors import UserError
from benchmark.speed.proof import Record, Unrepeatable, prove
from benchmark.speed.seen import changed_numbers, rebound, seen
from benchmark.speed.tape import Tape
from benchmark.speed.tidy import tidy

Step = Callable[..., Tensor]


class Replay:
    """A step that is taken, then recorded while it is taken again, and from then on repeated.

    The first one lets the optimizer make its state. There is a record for each shape of the inputs
    (a ragged last batch has its own), and for each learning rate of an optimizer that is not fused.

    Attributes:
        first: so many repeats are proved one after the other; then the 16th, the 64th, ...
        every: one repeat in so many is proved in any case.
        most: records kept; the oldest goes.
    """

    first, every, most = 4, 1000, 4

    def __init__(
        self,
        step: Step,
        optimizer: torch.optim.Optimizer | None,
        state: nn.Module,
        epoch: Callable[[], int],
    ) -> None:
        self._step, self._optimizer, self._state, self._epoch = step, optimizer, state, epoch
        self._records: dict[Hashable, Record] = {}
        self._reads_rates = False
        self._taken = self._repeats = self._epochs = 0
        self._last_epoch: int | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        self._taken += 1
        if self._taken == 1:
            return self._step(*inputs)
        rates = [group["lr"] for group in self._groups]
        record = self._records.get(self._kind(inputs, rates))
        try:
            if record is None:
                return self._record(inputs, rates)
            record.repeats += 1
            if self._is_due(record):
                return prove(record, self._step, inputs, rates, self._state, self._optimizer)
        except Unrepeatable as why:
            rule = type(self._state).__name__
            raise UserError(
                f"{rule}'s steps are not the same: step {self._taken} {why}. Take same_steps from "
                "its traits, or choose --machine.replay=false"
            ) from None
        return record.repeat(*inputs, *rates)

    @property
    def _groups(self) -> list[dict[str, Any]]:
        """The parameter groups; loading a checkpoint replaces them."""
        return self._optimizer.param_groups if self._optimizer else []

    def _kind(self, inputs: tuple[Tensor, ...], rates: list[Any]) -> Hashable:
        """What a record is good for."""
        return (*[x.shape for x in inputs], *([] if self._reads_rates else rates))

    def _is_due(self, record: Record) -> bool:
        """Whether this repeat is to be proved: the more seldom, the more went before."""
        self._repeats += 1
        n, epoch = self._repeats, self._epoch()
        due = n <= self.first or is_power(4, n) or n % self.every == 0 or record.repeats == 1
        if epoch != self._last_epoch:
            due |= self._last_epoch is not None and is_power(4, self._epochs)
            self._last_epoch, self._epochs = epoch, self._epochs + 1
        return due

    def _record(self, inputs: tuple[Tensor, ...], rates: list[Any]) -> Tensor:
        """Take the step and write it down."""
        before = seen(self._state, self._optimizer)
        tape = Tape(inputs, self._groups)
        with tape:
            result = self._step(*inputs)
        after = seen(self._state, self._optimizer)
        if changed := changed_numbers(before, after):
            raise Unrepeatable(changed)
        for name, value in rebound(before, after):
            if tape.found(value):
                raise Unrepeatable(
                    f"puts another tensor in the place of {name}, which it reads: write to it in "
                    "place (copy_)"
                )
        tape.graph.output(tape.node_of(result))
        constants, written = tidy(tape)
        module = GraphModule(nn.Module(), tape.graph)
        forward, device = module.forward, result.device.type
        if torch.is_autocast_enabled(device):
            # Casts are operations like others, written down: none must be added.
            forward = torch.autocast(device, enabled=False)(forward)
        self._reads_rates = tape.reads_rates
        if len(self._records) == self.most:
            del self._records[next(iter(self._records))]
        record = Record(torch.no_grad()(forward), constants, written)
        self._records[self._kind(inputs, rates)] = record
        return result


def is_power(base: int, n: int) -> bool:
    """Whether n is 1 or base times base times .."""
    while n % base == 0:
        n //= base
    return n == 1
