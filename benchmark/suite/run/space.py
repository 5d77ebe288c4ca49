"""Search spaces: which options a search may set, and between which values.

A space is written as one line of text for each option: ``low:high`` or ``low:high:log`` for
numbers, ``a,b,c`` for choices. ``configs/tune/<algorithm>.yaml`` holds each algorithm's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from benchmark.errors import UserError
from benchmark.suite.records.reading import parse_yaml
from benchmark.suite.records.records import slug
from benchmark.suite.rows.parse import own_configs, read_config

Range = FloatDistribution | IntDistribution | CategoricalDistribution
Space = dict[str, Range]
FORM = "write low:high, low:high:log or a,b,c"


def space_text(asked: list[str], algorithm: str, lr: float) -> dict[str, str]:
    """Option -> range as text: as asked (``key=range``), else the algorithm's own.

    An algorithm without a file searches the learning rate, from 1/30 to 30 times its start.
    """
    if asked:
        pairs = [text.partition("=") for text in asked]
        for key, equals, text in pairs:
            if not (key and equals and text):
                raise UserError(f"--space {key}{equals}{text}: write option=low:high")
        return {key: text for key, _, text in pairs}
    path = own_configs(algorithm) / "tune" / f"{slug(algorithm)}.yaml"
    if path.exists():
        texts = read_config(path)
        for key, text in texts.items():
            if not isinstance(text, str):  # YAML takes 1:30 for the number 90
                raise UserError(f"{path}: quote the range of {key}")
        return texts
    return {"optim.lr": f"{lr / 30:.2g}:{lr * 30:.2g}:log"}


def parse_space(texts: Mapping[str, str], start: Mapping[str, Any]) -> Space:
    """The ranges that ``texts`` stand for; whole numbers where the start is one.

    Args:
        texts: option -> range.
        start: option -> the value that the search sets out from, for at least these options.

    Raises:
        UserError: for a malformed range, or a start outside its range.
    """
    return {key: _range(key, text, start[key]) for key, text in texts.items()}


def _range(key: str, text: str, start: Any) -> Range:
    if ":" not in text:
        choices = [parse_yaml(choice, f"space of {key}") for choice in text.split(",")]
        if len(choices) < 2:
            raise UserError(f"space of {key} is {text!r}: {FORM}")
        if start not in choices:
            raise UserError(f"the start {key}={start} is not among {text}: add it to the space")
        return CategoricalDistribution(choices)
    low, high, *scale = text.split(":")
    log = scale == ["log"]
    range_: Range
    try:
        if isinstance(start, int) and not isinstance(start, bool):
            range_ = IntDistribution(int(low), int(high), log=log)
        else:
            range_ = FloatDistribution(float(low), float(high), log=log)
    except ValueError:  # not numbers, low above high, a logarithm of zero
        raise UserError(f"space of {key} is {text!r}: {FORM}") from None
    if (scale and not log) or not 0 < range_.high - range_.low < math.inf:
        raise UserError(f"space of {key} is {text!r}: {FORM}")
    if not isinstance(start, int | float) or not range_.low <= start <= range_.high:
        raise UserError(f"the start {key}={start} lies outside {text}: widen the space")
    return range_


def ends(range_: Range) -> tuple[Any, ...]:
    """The choices, or the lowest and the highest number."""
    if isinstance(range_, CategoricalDistribution):
        return tuple(range_.choices)
    return range_.low, range_.high
