"""Registries: a name stands for a class of the package, of an installed package, or of a module.

The package's own names are short and listed explicitly. Another package offers names as entry
points of the group ``credit_benchmark.<kind>s``. A class without a name goes by its dotted path,
``package.module:Class``, importable from the current folder or from where packages are installed.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Generic, TypeVar

from benchmark.errors import UserError

T = TypeVar("T")
FORM = "package.module:Class"


def nearest(name: str, names: Iterable[str]) -> str:
    """The known names, those that look like ``name`` first, as text for an error message."""
    names = sorted(names)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}known: {', '.join(names)}"


class Registry(Mapping[str, type[T]], Generic[T]):
    """An ordered table from names to classes, which opens to classes of others on looking up.

    As a mapping it holds the package's own names alone: iterating gives those.

    Args:
        kind: what the names stand for ("algorithm", "network", ...), used in error messages.
        base: the class that all entries derive from.
        entries: name -> class.

    Raises:
        UserError: on looking up a name that is not to be had (near names are listed), or one that
            stands for something else than a class derived from ``base``.
        ValueError: when one class is registered under a name already taken.
    """

    def __init__(self, kind: str, base: type, entries: Mapping[str, type[T]] | None = None) -> None:
        self.kind, self.base = kind, base
        self._table: dict[str, type[T]] = {}
        for name, cls in (entries or {}).items():
            self.add(name, cls)

    def add(self, name: str, cls: type[T]) -> None:
        if name in self._table:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._table[name] = cls

    def __getitem__(self, name: str) -> type[T]:
        if name in self._table:
            return self._table[name]
        if ":" in name:
            return self._load(name, name)
        others = self.others()
        if name not in others:
            known = nearest(name, [*self._table, *others])
            raise UserError(f"unknown {self.kind} {name!r}: {known}; a class of yours: {FORM}")
        return self._load(name, others[name].value)

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def others(self) -> dict[str, EntryPoint]:
        """The names that installed packages offer, but those of the package itself; not loaded.

        Raises:
            UserError: two packages offer one name.
        """
        found: dict[str, EntryPoint] = {}
        for entry in entry_points(group=f"credit_benchmark.{self.kind}s"):
            first = found.setdefault(entry.name, entry)
            if first.value != entry.value:
                paths = " or ".join(sorted([first.value, entry.value]))
                raise UserError(
                    f"two packages offer the {self.kind} {entry.name!r}: choose {paths}"
                )
        return {name: entry for name, entry in found.items() if name not in self._table}

    def _load(self, name: str, path: str) -> type[T]:
        """The class at a dotted path, checked."""
        what = f"{self.kind} {name!r}"
        module_name, _, attribute = path.partition(":")
        if not all(part.isidentifier() for part in [*module_name.split("."), attribute]):
            raise UserError(f"{what} is no path to a class: write {FORM}")
        module = _imported(module_name, what)
        if not hasattr(module, attribute):
            known = [key for key, value in vars(module).items() if self._is_one(value)]
            hint = nearest(attribute, known) if known else f"nor any {self.kind}"
            raise UserError(f"{what}: {module_name} has no {attribute}: {hint}")
        cls = getattr(module, attribute)
        if not self._is_one(cls):
            base = f"{self.base.__module__}.{self.base.__name__}"
            raise UserError(f"{what} is no {self.kind}: it must be a class derived from {base}")
        return cls  # type: ignore[no-any-return]

    def _is_one(self, value: object) -> bool:
        return isinstance(value, type) and issubclass(value, self.base) and value is not self.base


def _imported(name: str, what: str) -> ModuleType:
    """A module of the current folder, or an installed one. Raises UserError if it does not load."""
    here = os.getcwd()
    if not {"", here} & set(sys.path):  # where the command is a script
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(
            f"{what}: cannot import {name} from {here} or an installed package ({reason})"
        ) from error
