"""What of a row's options tells it from others: those that differ from the defaults.

So a new option, whose default changes nothing, leaves every recorded row its identity.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, get_args, get_type_hints

Options = Mapping[str, Any]


def differing(options: Options, cls: type) -> dict[str, Any]:
    """The ``options`` of a class that differ from its constructor's defaults, and the ``name``.

    Args:
        options: as JSON gives them; a group of options is a mapping.
        cls: its constructor, and those it hands its ``**options`` on to, know the defaults.
    """
    known, hints = _defaults(cls), constructor_hints(cls)
    kept = {}
    for key, value in options.items():
        if key == "name" or key not in known or value != _plain(known[key]):
            kept[key] = _in_group(value, hints.get(key)) if isinstance(value, Mapping) else value
    return kept


def dataclass_in(hint: Any) -> Any:
    """The dataclass that a type hint is, or offers beside None; None if it has none."""
    return next((t for t in (hint, *get_args(hint)) if is_dataclass(t)), None)


def constructor_hints(cls: type) -> dict[str, Any]:
    """Type hints of the options of a class and of its bases."""
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__[:-1]):
        hints |= get_type_hints(vars(base)["__init__"]) if "__init__" in vars(base) else {}
    return hints


def _defaults(cls: type) -> dict[str, Any]:
    if is_dataclass(cls):
        return _field_defaults(cls)
    known: dict[str, Any] = {}
    for base in reversed(cls.__mro__[:-1]):
        if "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
            known |= {p.name: p.default for p in parameters if p.default is not p.empty}
    return known


def _field_defaults(cls: Any) -> dict[str, Any]:
    known = {}
    for field in fields(cls):
        if field.default is not MISSING:
            known[field.name] = field.default
        elif field.default_factory is not MISSING:
            known[field.name] = field.default_factory()
    return known


def _in_group(options: Options, hint: Any) -> dict[str, Any]:
    known = _field_defaults(group) if (group := dataclass_in(hint)) else {}
    return {k: v for k, v in options.items() if k not in known or v != _plain(known[k])}


def _plain(value: Any) -> Any:
    """The value as JSON would give it back, a group of options as a mapping."""
    if is_dataclass(value) and not isinstance(value, type):
        return {k: _plain(v) for k, v in asdict(value).items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
