"""Options of algorithms, networks, data sets and optimizers: their groups, and their ranges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

import torch

from benchmark.errors import UserError

T = TypeVar("T")
LARGEST = 2**53  # what integers stay below, as in records
_LISTS = (list, tuple, Sequence)


@dataclass_transform(frozen_default=True)
def options(cls: type[T]) -> type[T]:
    """A frozen dataclass that ``torch.load`` admits where it loads nothing but weights."""
    made = dataclass(frozen=True)(cls)
    torch.serialization.add_safe_globals([made])
    return made


class Range:
    """Which numbers an option may be: beside its type, in ``Annotated``.

    Args:
        least: the smallest.
        above: what all are larger than.
        most: the largest.
        below: what all are smaller than.
    """

    def __init__(
        self,
        least: float = -math.inf,
        above: float = -math.inf,
        most: float = math.inf,
        below: float = math.inf,
    ) -> None:
        self.least, self.above, self.most, self.below = least, above, most, below

    def __contains__(self, x: float) -> bool:
        return self.least <= x <= self.most and self.above < x < self.below

    def __repr__(self) -> str:
        words = {"at least": self.least, "above": self.above, "at most": self.most,
                 "below": self.below}  # fmt: skip
        return " and ".join(f"{word} {x:g}" for word, x in words.items() if math.isfinite(x))


Positive = Annotated[float, Range(above=0)]
NotNegative = Annotated[float, Range(least=0)]
Share = Annotated[float, Range(least=0, below=1)]
Count = Annotated[int, Range(least=1)]
CountOrZero = Annotated[int, Range(least=0)]


def check(cls: type, values: Mapping[str, Any], prefix: str = "") -> None:
    """Raise UserError for an option out of its range, or a number that is none.

    Args:
        cls: a class whose constructor's arguments, those of its bases included, are the options.
        values: by name; groups of options as dataclasses or mappings.
        prefix: of the names, for people: ``optim.``.
    """
    hints = option_types(cls)
    for name, value in values.items():
        for fault in _faults(hints.get(name), value, prefix + name):
            raise UserError(fault)


def option_types(cls: type) -> dict[str, Any]:
    """Type of each option, ranges included; a class's own before its bases'."""
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base) and base is not object:
            hints |= get_type_hints(vars(base)["__init__"], include_extras=True)
    return hints


def _faults(hint: Any, value: Any, name: str) -> Iterator[str]:
    """One line for each number under a value that its type does not allow."""
    if get_origin(hint) is Annotated:
        for range_ in hint.__metadata__:
            if isinstance(range_, Range) and _is_number(value) and value not in range_:
                yield f"{name} is {value}: it must be {range_}"
        hint = get_args(hint)[0]
    if value is None and not _takes_none(hint):
        yield f"{name} is null: give it a value, or leave it out"
    elif _is_group(hint) and not (value is None or isinstance(value, Mapping) or _is_made(value)):
        yield f"{name} is {value}: give it as a mapping of its options"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{name} is {value}: it must be a finite number"
    elif _is_number(value) and abs(value) >= LARGEST and isinstance(value, int):
        yield f"{name} has {len(str(value))} digits: it must be below 2^53"
    elif _is_made(value):
        types = get_type_hints(type(value), include_extras=True)
        for part in fields(value):
            yield from _faults(types[part.name], getattr(value, part.name), f"{name}.{part.name}")
    elif isinstance(value, Mapping):
        group = next((h for h in (hint, *get_args(hint)) if is_dataclass(h)), None)
        types = get_type_hints(group, include_extras=True) if group else {}
        for part, x in value.items():
            yield from _faults(types.get(part), x, f"{name}.{part}")
    elif isinstance(value, list | tuple):
        inner = next((h for h in (hint, *get_args(hint)) if get_origin(h) in _LISTS), None)
        for k, x in enumerate(value):
            yield from _faults(get_args(inner)[0] if inner else None, x, f"{name}[{k}]")
    elif value is not None:
        for h in get_args(hint):
            if get_origin(h) is Annotated:
                yield from _faults(h, value, name)


def _is_group(hint: Any) -> bool:
    """Whether a type is a group of options, or one or none."""
    kinds = [h for h in _members(hint) or (hint,) if h is not type(None)]
    return bool(kinds) and all(map(is_dataclass, kinds))


def _is_made(value: Any) -> bool:
    """Whether a value is a group of options."""
    return is_dataclass(value) and not isinstance(value, type)


def _takes_none(hint: Any) -> bool:
    """Whether None is of a type; of one that is not known, too."""
    return hint in (None, Any, type(None)) or any(map(_takes_none, _members(hint)))


def _members(hint: Any) -> tuple[Any, ...]:
    """The types that a union, or one with ranges, is of; the values of a literal."""
    origin = get_origin(hint)
    if origin is Annotated:
        return get_args(hint)[:1]
    return get_args(hint) if origin in (Union, UnionType, Literal) else ()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
