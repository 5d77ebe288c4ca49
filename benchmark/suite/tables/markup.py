"""Free text inside tables: Markdown and LaTeX with every special character as itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tabulate import tabulate

BREAKS = {c: " " for c in (*range(32), *range(127, 160), 0x2028, 0x2029)}  # of lines, or unseen
MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*[]|~#"} | {"<": "&lt;", ">": "&gt;"} | BREAKS)
TEX = str.maketrans(
    {c: f"\\{c}" for c in "{}$&#%_"}
    | {"\\": "\\textbackslash{}", "^": "\\textasciicircum{}", "~": "\\textasciitilde{}"}
    | {"<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}", '"': "\\textquotedbl{}"}
    | {"±": "$\\pm$", "†": "$\\dagger$", "‡": "$\\ddagger$", "×": "$\\times$", "−": "$-$"}
    | {"[": "{[}", "]": "{]}"}
    | BREAKS
)


def markdown(text: str) -> str:
    """``text`` for a cell of a Markdown table."""
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text).translate(MARKDOWN)  # what would be an entity
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)  # what would begin or end an emphasis


def tex(text: str) -> str:
    """``text`` for LaTeX."""
    return text.translate(TEX)


def markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    return tabulate(list(rows), list(headers), tablefmt="pipe", disable_numparse=True)
