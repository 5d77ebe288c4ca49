"""Proving that a repeated step is the step itself, while training goes on.

The step is taken, and its record is repeated on copies of what the step found: tensors, generators
and inputs. Then everything is compared to the last bit: the result, parameters, buffers, the
optimizer's state, all other tensors that the record writes to, the generators, and the numbers that
Python sees. The step itself is the one that counts.

What is promised. A step that changes a number, or rebinds a tensor that it reads, in the modules
that it was given is stopped when it is recorded. A step that differs in what it computes is stopped
at the next repeat that is proved: each of the first four, the 16th, 64th, 256th, .., every
thousandth, and the first of the second, fifth, 17th, .. epoch. Until then, for at most 1000
steps, it may train wrongly. What happens only at steps none of which is proved is not seen, nor is
what begins after a run's last proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor, nn

from benchmark.speed.seen import changed_numbers, seen
from benchmark.speed.tape import Unrepeatable


@dataclass
class Record:
    """A step that was written down.

    Attributes:
        forward: its operations, on inputs, learning rates and constants.
        constants: tensors and generators that the step found.
        written: those tensors among them that it writes to.
        repeats: how often it was repeated.
    """

    forward: Callable[..., Tensor]
    constants: list[Any]
    written: list[Tensor]
    repeats: int = 0

    def repeat(self, *changing: Any) -> Tensor:
        """What the step does, with these inputs and rates."""
        return self.forward(*changing, *self.constants)


def prove(
    record: Record,
    step: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    rates: Sequence[Any],
    state: nn.Module,
    optimizer: torch.optim.Optimizer | None,
) -> Tensor:
    """Take the step, and compare it with the record; the step's result.

    Raises:
        Unrepeatable: where they differ.
    """
    tensors = _tensors(record, state, optimizer)
    copies = _Copies(tensors)
    given = [x.clone() for x in inputs]
    constants = [copies.of(c) for c in record.constants]
    torchs_own = [*_torchs_generators(record)]
    found, before = [g.get_state() for g in torchs_own], seen(state, optimizer)

    result = step(*inputs)
    if changed := changed_numbers(before, seen(state, optimizer)):
        raise Unrepeatable(changed)

    left = [g.get_state() for g in torchs_own]
    for generator, its_state in zip(torchs_own, found, strict=True):
        generator.set_state(its_state)
    repeated = record.forward(*given, *rates, *constants)

    pairs = [("its result", result, repeated)]
    pairs += [(name, t, copies.of(t)) for t, name in tensors.items()]
    pairs += [
        ("a generator's state", own.get_state(), copy.get_state())
        for own, copy in zip(record.constants, constants, strict=True)
        if isinstance(own, Generator)
    ]
    pairs += [
        ("a generator's state", its_state, generator.get_state())
        for its_state, generator in zip(left, torchs_own, strict=True)
    ]
    for name, own, copy in pairs:
        if not _same(own, copy):
            raise Unrepeatable(f"differs from its repetition in {name}")
    return result


def _tensors(
    record: Record, state: nn.Module, optimizer: torch.optim.Optimizer | None
) -> dict[Tensor, str]:
    """All that the step may write to, with names."""
    names: dict[Tensor, str] = {}
    for name, tensor in (*state.named_parameters(), *state.named_buffers()):
        names[tensor] = name
    for p, held in optimizer.state.items() if optimizer else ():
        for key, value in held.items():
            if isinstance(value, Tensor):
                names[value] = f"{key} of {names.get(p, 'a parameter')}"
    for k, tensor in enumerate(record.written):
        names.setdefault(tensor, f"tensor {k} of shape {list(tensor.shape)}")
    return names


class _Copies:
    """Copies of tensors, and of the generators that are asked for."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._memory: dict[int, torch.UntypedStorage] = {}
        self._generators: dict[Generator, Generator] = {}
        for tensor in tensors:
            memory = tensor.untyped_storage()
            if memory.data_ptr() not in self._memory:
                self._memory[memory.data_ptr()] = memory.clone()

    def of(self, value: Any) -> Any:
        """The value in the copied memory; itself, if it does not lie there."""
        if isinstance(value, Generator):
            if value not in self._generators:
                self._generators[value] = value.clone_state()
            return self._generators[value]
        memory = self._memory.get(value.untyped_storage().data_ptr())
        if memory is None:
            return value
        empty = torch.empty(0, dtype=value.dtype, device=value.device)
        return empty.set_(memory, value.storage_offset(), value.size(), value.stride())


def _torchs_generators(record: Record) -> Iterator[Generator]:
    """Those from which is drawn where no other is named."""
    yield torch.default_generator
    devices = {c.device for c in record.constants}
    yield from (torch.cuda.default_generators[d.index] for d in devices if d.type == "cuda")


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether all numbers are the same; on GPUs, whose kernels add in any order, nearly so."""
    if a.shape != b.shape:
        return False
    if a.is_cuda:
        return bool(torch.dist(a, b) <= 1e-4 * b.norm())
    return torch.equal(a, b) or torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
