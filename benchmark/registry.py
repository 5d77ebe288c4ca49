"""Explicit registries: a name stands for a class; a duplicate or an unknown name is an error."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from benchmark.errors import UserError

T = TypeVar("T")


def nearest(name: str, names: Mapping[str, object] | list[str]) -> str:
    """The known names, those that look like ``name`` first, as text for an error message."""
    near = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}known: {', '.join(sorted(names))}"


class Registry(Mapping[str, type[T]], Generic[T]):
    """An ordered table from names to classes.

    Args:
        kind: what the names stand for ("algorithm", "network", ...), used in error messages.
        entries: name -> class.

    Raises:
        UserError: on looking up a name that is not in the table; near names are listed.
        ValueError: when one class is registered under a name already taken.
    """

    def __init__(self, kind: str, entries: Mapping[str, type[T]] | None = None) -> None:
        self.kind = kind
        self._table: dict[str, type[T]] = {}
        for name, cls in (entries or {}).items():
            self.add(name, cls)

    def add(self, name: str, cls: type[T]) -> None:
        if name in self._table:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._table[name] = cls

    def __getitem__(self, name: str) -> type[T]:
        if name not in self._table:
            raise UserError(f"unknown {self.kind} {name!r}: {nearest(name, self._table)}")
        return self._table[name]

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)
