"""All pages, rendered: every value is escaped, styles and script stand in each page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmark.suite.records import counted
from benchmark.suite.records.records import Record
from benchmark.suite.tables import cost_board, plausibility
from benchmark.suite.tables.page import charts
from benchmark.suite.tables.page.rulebook import Rule, rules
from benchmark.suite.tables.page.runs import Group, Row, Runs, board
from benchmark.suite.tables.page.sections import Section, audit, sections
from benchmark.suite.tables.page.sheets import SIGNS, Paper, papers, summary
from benchmark.suite.tables.page.shown import Cell, Column, Table, number
from benchmark.suite.tables.words import RULES as READING

TEMPLATES = Path(__file__).with_name("templates")
LEGEND = {
    "reproduced": "the interval holds the published number",
    "better": "a lower error than published",
    "worse": "a higher error than published",
    "failed": "half of the seeds or more diverged or ended at chance",
    "short": "trained for fewer epochs than the paper",
    "untested": "not run, or one seed and no published deviation",
}


class Site:
    """The pages of a results folder, one by one.

    Args:
        results: the folder.
        runs: its runs.

    Raises:
        UserError: a file that the pages are made from is broken.
    """

    def __init__(self, results: Path, runs: Runs) -> None:
        self.results, self.runs = results, runs
        records: Sequence[Record] = list(runs.located.values())
        self.papers = papers(records, runs.rows)
        self.costs = cost_board.cost_board(records, counted.read(results))
        self.sections = sections(results, records, runs.rows, self.costs)
        self.nav = [
            ("Overview", "index.html"), ("Board", "board.html"),
            *((section.title, section.file) for section in self.sections),
        ]  # fmt: skip

    def pages(self) -> Iterator[tuple[str, str]]:
        """Name below the page's folder, and HTML."""
        yield "index.html", self._index()
        rows = list(self.runs.rows.values())
        yield "board.html", self._tables(Section("board.html", "The board", [BOARD], [
            ("", "", board(rows, "All rows"))], "make bench ALGO=all", filters=True))  # fmt: skip
        for section in self.sections:
            yield section.file, self._tables(section)
        for paper in self.papers:
            yield paper.href, self._paper(paper)
        for rule in rules().values():
            yield f"rules/{rule.name}.html", self._rule(rule)
        for group in self.runs.groups:
            yield group.page, self._group(group)

    def _index(self) -> str:
        records, rows = self.runs.located, self.runs.rows
        cells = sum(paper.counts["cells"] for paper in self.papers)
        facts = [
            (len(rules()), "rules"), (len(records), "recorded runs"), (len(rows), "rows"),
            (cells, "published cells"), (sum(p.measured for p in self.papers), "of them measured"),
            (sum(p.counts["reproduced"] for p in self.papers), "reproduced"),
        ]  # fmt: skip
        return self._render(
            "index", "index.html", title="Alternatives to backpropagation", facts=facts,
            legend=[(SIGNS[name], name, text) for name, text in LEGEND.items()],
            papers=summary(self.papers), groups=_groups(self.runs.groups),
            rules=_rules(self.runs),
        )  # fmt: skip

    def _tables(self, section: Section) -> str:
        return self._render(
            "tables", section.file, title=section.title, texts=section.texts,
            sections=section.tables, command=section.command, filters=section.filters,
        )  # fmt: skip

    def _paper(self, paper: Paper) -> str:
        return self._render(
            "paper", paper.href, title=paper.title, paper=paper, reading=READING, up="../"
        )

    def _rule(self, rule: Rule) -> str:
        rows = [row for row in self.runs.rows.values() if row.rule == rule.name]
        own = audit(self.results, rule.name)
        return self._render(
            "rule", f"rules/{rule.name}.html", title=rule.name, rule=rule, up="../",
            audit=own, board=board(rows, f"Rows of {rule.name}"),
        )  # fmt: skip

    def _group(self, group: Group) -> str:
        shown = group.by_epochs()
        drawn = {row.hash for rows in shown.values() for row in rows}
        angles = {
            row.hash: charts.angles(row.name, row) if row.hash in drawn else []
            for row in group.rows
        }
        machines: dict[str, list[Any]] = {}
        for row in (row for rows in shown.values() for row in rows):
            machines.setdefault(row.line["device"], []).append(row)
        curves = [charts.curves(f"{_epochs(n)}.", rows) for n, rows in shown.items()]
        costs = [self._counted(cost, group.rows) for cost in cost_board.COSTS]
        for machine, rows in sorted(machines.items()):
            seconds = {row.hash: row.line["seconds"] for row in rows}
            words = "training time of one seed (seconds)"
            costs.append(charts.costs(f"On {machine}.", words, rows, seconds))
        return self._render(
            "group", group.page, title=group.title, group=group, up="../", known=rules(),
            board=board(group.rows, group.title, places=False), angles=angles,
            curves=[*filter(None, curves)], costs=[*filter(None, costs)],
        )  # fmt: skip

    def _counted(self, cost: cost_board.Cost, rows: Sequence[Row]) -> charts.Chart | None:
        """Accuracy against a counted cost, with the front of the rows that no other outdoes."""
        board = self.costs
        values = dict(zip(board["row_hash"], board[cost.column] / cost.unit, strict=True))
        front = board.loc[board[cost.front].astype(bool), "row_hash"]
        return charts.costs(FRONT, cost.words, rows, values, {*front})

    def _render(self, template: str, here: str, up: str = "", **values: Any) -> str:
        page = _environment().get_template(f"{template}.html.j2")
        return page.render(up=up, here=here, nav=self.nav, **values)


FRONT = "Counted; the line goes through the rows that no other outdoes."
BOARD = (
    "A line for each row, over its seeds; failed seeds are counted and left out of the mean. vs "
    "bp: the difference from backprop on the same data, network and epochs, with the half width "
    "of its 95 % interval. published: the cell of a paper that the row is set beside, † where it "
    "is not verified. A rule leads to its row's runs, a record to its file."
)


def _groups(groups: Sequence[Group]) -> Table:
    columns = [Column("data set"), Column("network"), Column("rules", number=True),
               Column("rows", number=True), Column("runs", number=True),
               Column("best accuracy", number=True)]  # fmt: skip
    rows = []
    for group in groups:
        counts = (len({row.rule for row in group.rows}), len(group.rows),
                  sum(len(row.runs) for row in group.rows))  # fmt: skip
        known = [a for row in group.rows if (a := row.line["test_acc_mean"]) == a]
        rows.append([Cell(group.dataset), Cell(group.network, group.page),
                     *(Cell(str(n), value=n) for n in counts),
                     number(max(known, default=None))])  # fmt: skip
    return Table("groups", "Data sets and networks", columns, rows)


def _rules(runs: Runs) -> Table:
    traits = [Column(name, choice=True) for name in plausibility.COLUMNS]
    columns = [Column("rule"), Column("family", choice=True), Column("paper"), *traits,
               Column("rows", number=True)]  # fmt: skip
    rows = []
    for rule in rules().values():
        n = sum(row.rule == rule.name for row in runs.rows.values())
        paper = " ".join(rule.traits.get(k, "") for k in ("paper", "year"))
        rows.append([Cell(rule.name, f"rules/{rule.name}.html"), Cell(rule.family), Cell(paper),
                     *(Cell(rule.traits.get(name, "")) for name in plausibility.COLUMNS),
                     Cell(str(n), value=n)])  # fmt: skip
    return Table("rules", "Rules", columns, rows)


def _epochs(n: int) -> str:
    return "1 epoch" if n == 1 else f"{n} epochs"


@cache
def _environment() -> Environment:
    """The templates, with the style and the script, which a policy allows by their hashes alone."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    for name, file in (("style", "style.css"), ("script", "page.js")):
        text = (TEMPLATES / file).read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        environment.globals[name] = Markup(text)
        environment.globals[f"{name}_hash"] = f"sha256-{digest}"
    return environment
