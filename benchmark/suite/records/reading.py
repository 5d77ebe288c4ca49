"""Files that others may have written: whole text of a known form, or a UserError with their name.

Neither a pipe, nor a folder, nor another encoding, nor endless nesting gets further than this.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from benchmark.errors import UserError

T = TypeVar("T")
# What parsers raise: PyYAML's constructors do not expect all that a tag can stand before.
PARSING = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def read_text(path: Path, kind: str) -> str:
    """The text of a regular file, UTF-8 with or without a byte-order mark.

    Args:
        path: the file.
        kind: what it holds, for messages.

    Raises:
        UserError: it cannot be read, is another kind of file, or holds no such text.
    """
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"cannot read {kind} {path}: it is no regular file")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {kind} {path}: {error.strerror or error}") from error
    except ValueError as error:  # no UTF-8, or a name that no file can have
        raise UserError(f"cannot read {kind} {path}: it is no UTF-8 text ({error})") from error


def read_json(path: Path, kind: str) -> Any:
    """The content of a JSON file: finite numbers, and each key of an object once.

    Raises:
        UserError: see :func:`read_text`; or it is no such JSON.
    """
    return _parsed(read_text(path, kind), path, "JSON", _json)


def read_yaml(path: Path, kind: str) -> Any:
    """The content of a YAML file: plain values, no aliases, and each key of a mapping once.

    Raises:
        UserError: see :func:`read_text`; or it is no such YAML.
    """
    return parse_yaml(read_text(path, kind), path)


def parse_yaml(text: str, source: object) -> Any:
    """The content of text in YAML (see :func:`read_yaml`); ``source`` names it in messages."""
    return _parsed(text, source, "YAML", lambda text: yaml.load(text, _Plain))


def read_csv(path: Path, kind: str) -> list[dict[str, str]]:
    """The lines of a csv file under its header, each with all its fields.

    Raises:
        UserError: see :func:`read_text`; or a line has more or fewer fields than the header.
    """
    text = io.StringIO(read_text(path, kind), newline="")
    try:
        header, *lines = list(csv.reader(text, strict=True)) or [[]]
        return [dict(zip(header, line, strict=True)) for line in lines if line]
    except (ValueError, csv.Error) as error:
        raise UserError(f"{kind} {path} is not valid csv: {error}") from error


def typed(content: Any, form: type[T]) -> T:
    """``content`` as an instance of ``form``, a msgspec structure or dataclass.

    Raises:
        UserError: a value of another type, out of its range, or missing; its place is named.
    """
    try:
        return msgspec.convert(content, form, strict=True)
    except (msgspec.ValidationError, OverflowError) as error:
        what, _, place = str(error).partition(" - at ")
        where = place.replace("`", "").removeprefix("$").lstrip(".")
        raise UserError(f"{where}: {what}" if where else what) from error


def _parsed(text: str, source: object, form: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except RecursionError as error:
        raise UserError(f"{source} is not valid {form}: it is nested too deep") from error
    except (*PARSING, yaml.YAMLError) as error:
        raise UserError(f"{source} is not valid {form}: {' '.join(str(error).split())}") from error


def _json(text: str) -> Any:
    content = json.loads(
        text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
    )
    if "\\ud" in text.lower():  # may be half a character, which no file could hold again
        json.dumps(content, ensure_ascii=False).encode()
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(k for k in keys if keys.count(k) > 1)!r} stands twice")
    return content


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    if abs(value := float(text)) == float("inf"):
        raise ValueError(f"{text[:20]} is no finite number")
    return value


class _Plain(yaml.SafeLoader):
    """YAML in which a mapping has each key once: of two, the first would be lost in silence.

    Aliases are refused: a few lines of them stand for content without end.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.YAMLError(f"an alias, *{event.anchor}, {str(event.start_mark).strip()}")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    mark = str(key.start_mark).strip()
                    raise yaml.YAMLError(f"{key.value!r} stands twice, {mark}")
                seen.add(key.value)
        return super().construct_mapping(node, deep)
