"""A table of the page: what is shown, what sorts it, where it leads. Text only; nothing is HTML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Cell(NamedTuple):
    """One cell.

    Attributes:
        text: what is shown.
        href: where that leads, from the top of the page's folder; empty for nowhere.
        value: what the column is sorted by; the text where it is None.
        links: more text and where it leads.
        mark: the verdict that colors it.
    """

    text: str = ""
    href: str = ""
    value: float | None = None
    links: tuple[tuple[str, str], ...] = ()
    mark: str = ""


class Column(NamedTuple):
    """A column: its head, whether it holds numbers, whether its values are offered as filter."""

    title: str
    number: bool = False
    choice: bool = False


class Table(NamedTuple):
    """A table under an id that is unique on its page."""

    id: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


def number(value: float | None, form: str = ".2f", spread: float | None = None) -> Cell:
    """A number with its spread, where they are known (neither None nor NaN)."""
    if value is None or value != value:
        return Cell()
    around = "" if spread is None or spread != spread else f" ± {spread:.2f}"
    return Cell(f"{value:{form}}{around}", value=value)
