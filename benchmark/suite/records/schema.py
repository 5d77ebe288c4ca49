"""What a record may hold, as types with ranges; beside them, what must agree within one.

Fields that are not named here are let through: no table reads them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

HUGE = 2**53  # up to which floats count
LARGEST = 1.7976931348623157e308

LINE = r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"  # no line breaks, nothing that a terminal obeys
Text = Annotated[str, Meta(max_length=1000, pattern=LINE)]
NAME = r"\A\w[\w.:-]{0,99}\Z"
Name = Annotated[str, Meta(pattern=NAME)]
Hex = Annotated[str, Meta(max_length=64, pattern=r"\A[0-9a-f]+\Z")]
Hash = Annotated[str, Meta(pattern=r"\A[0-9a-f]{12}\Z")]
Time = Annotated[str, Meta(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")]
Int = Annotated[int, Meta(ge=-HUGE, le=HUGE)]
Count = Annotated[int, Meta(ge=1, le=HUGE)]
CountOrZero = Annotated[int, Meta(ge=0, le=HUGE)]
Seed = CountOrZero
Finite = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
NotNegative = Annotated[float, Meta(ge=0, le=LARGEST)]
Epoch = NotNegative  # when an angle was measured: parts of the first one too
Percent = Annotated[float, Meta(ge=0, le=100)]

# Text that stands beside lists goes without a pattern, which msgspec 0.22 would write past its end;
# it is checked in ``nonsense``.
Plain = Annotated[str, Meta(max_length=1000)]
Single = None | bool | Int | Finite | Plain
Group = dict[str, Single | list[Single]]
Options = dict[str, Single | list[Single | list[Single]] | Group]


class Row(Struct):
    """The row that was trained: options of each of its parts, and labels."""

    algorithm: Options
    network: Options
    data: Options
    epochs: Count
    optim: Options = {}
    stop: Options | None = None
    loss: Text = ""
    precision: Text = ""
    variant: Text | None = None
    published: Text | None = None
    adversarial_eps: NotNegative = 0.0


class Dataset(Struct):
    """Which images: ``sha256`` of all of them, and how many are trained and tested on."""

    name: Name
    train: Count
    val: CountOrZero
    test: Count
    sha256: Hex = ""
    classes: Count | None = None


class Environment(Struct):
    """The machine and the software."""

    device: Text
    device_name: Text | None = None
    commit: Hex | None = None
    dirty: bool | None = None
    threads: Annotated[int, Meta(ge=1, le=4096)] | None = None
    instruction_set: Text | None = None


class Record(Struct):
    """One run of one row and seed."""

    schema: Literal[1]
    row: Row
    row_hash: Hash
    seed: Seed
    status: Literal["ok", "diverged"]
    dataset: Dataset
    metrics: dict[Text, Finite | None]
    curve: list[dict[Text, Finite | None]]
    cost: dict[Text, NotNegative | None]
    environment: Environment
    finished: Time
    identity: dict[str, Single | Options] | UnsetType = UNSET
    alignment: dict[Text, list[tuple[Epoch, Finite | None]]] | None = None
    old_row_hash: Hash | UnsetType = UNSET
    origin: dict[str, str | list[str]] = {}
    epochs_trained: CountOrZero | UnsetType = UNSET
    ended_by: Text = ""
    weights_sha256: Hex = ""


def hash_of(identity: Mapping[str, Any]) -> str:
    """12 hex digits that stand for what tells a row from others."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def row_faults(row: Row) -> Iterator[str]:
    """Names that are none, and text that would not stay in its line."""
    for text in _texts([row.algorithm, row.network, row.data, row.optim, row.stop]):
        if not re.match(LINE, text):
            yield f"the row has the text {text!r}, with control characters"
    for part in ("algorithm", "network", "data"):
        name = getattr(row, part).get("name")
        if not isinstance(name, str) or not re.match(NAME, name):
            yield f"row.{part}.name is {name!r}, not a name"


def nonsense(record: Record) -> Iterator[str]:
    """What does not agree in a record whose fields are all well by themselves."""
    row, n = record.row, len(record.curve)
    yield from row_faults(row)
    if row.data["name"] != record.dataset.name:
        yield f"dataset.name is {record.dataset.name!r}, but the row's data {row.data['name']!r}"
    if record.identity is not UNSET:
        yield from _identity_faults(record.identity, record)
    if n > row.epochs or record.epochs_trained not in (UNSET, n):
        yield f"the curve has {n} epochs, of {row.epochs}, trained {record.epochs_trained}"
    for k, point in enumerate(record.curve, 1):
        if point.get("epoch") != k:
            yield f"curve[{k - 1}].epoch is {point.get('epoch')!r}, not {k}"
    tables = {"metrics": record.metrics}
    tables |= {f"curve[{k}]": point for k, point in enumerate(record.curve)}
    for where, table in tables.items():
        for key, value in table.items():
            if "_acc" in key and value is not None and not 0 <= value <= 100:
                yield f"{where}.{key} is {value}, not a percentage"
    if not 1 <= (record.metrics.get("best_epoch") or 1) <= max(n, 1):
        yield f"metrics.best_epoch is {record.metrics['best_epoch']:g}, of {n} epochs"


def _identity_faults(identity: Mapping[str, Any], record: Record) -> Iterator[str]:
    """That the row is another than its hash says."""
    if hash_of(identity) != record.row_hash:
        yield f"row_hash is {record.row_hash}, but that of its row is {hash_of(identity)}"
    for part, told in identity.items():
        have = getattr(record.row, part, None)
        if not _within(told, have):
            yield f"row.{part} is not what its row_hash stands for"


def _within(part: Any, whole: Any) -> bool:
    """Whether a value is another, or a mapping that the other has all of."""
    if isinstance(part, Mapping) and isinstance(whole, Mapping):
        return all(key in whole and _within(value, whole[key]) for key, value in part.items())
    return bool(part == whole)


def _texts(value: Any) -> Iterator[str]:
    """All text in a value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
