"""A paper's tables: a pure function of records, published cells and manifests. Without torch."""

from __future__ import annotations

from pathlib import Path

from benchmark.report.files import replace_between, write_atomically
from benchmark.report.published import papers as titles_of_papers
from benchmark.report.records import load
from benchmark.suite.tables import manifest, overview, paper
from benchmark.suite.tables.cells import rows_by_cell
from benchmark.suite.tables.compared import compared

__all__ = ["write_tables"]


def write_tables(
    results: Path,
    only_paper: str | None = None,
    only: str | None = None,
    readme: Path | None = None,
    manifests: Path = manifest.TABLES,
) -> str:
    """Write a paper's ``<paper>.md``, ``.csv`` and ``.tex``, ``overview.md`` and ``cells.csv``.

    Args:
        results: the folder of the records; the tables go to ``tables/`` in it.
        only_paper: its key; all papers that have a manifest for None.
        only: a dataset or the id of a table, for the returned text; the files hold all tables.
        readme: a file whose section ``tables`` is refreshed with the overview's counts.
        manifests: the folder of the manifests.

    Returns:
        The paper's tables for the terminal, or the overview.

    Raises:
        UserError: a manifest or a record is faulty, ``only`` names no table, or a file cannot be
            written.
    """
    folder = results / "tables"
    rows = rows_by_cell(load(results))
    text = ""
    lines: list[dict[str, str]] = []
    titles: dict[str, str] = {}
    if only_paper is not None:
        text = paper.to_terminal(compared(manifest.read(only_paper, manifests), rows, only))
    for key in manifest.papers(manifests):
        tables = compared(manifest.read(key, manifests), rows)
        titles[key] = titles_of_papers().get(key, key)
        lines += paper.cell_lines(key, tables)
        if only_paper in (None, key):
            write_atomically(folder / f"{key}.md", paper.to_markdown(titles[key], tables))
            write_atomically(folder / f"{key}.csv", paper.to_csv(key, tables))
            write_atomically(folder / f"{key}.tex", paper.to_tex(titles[key], tables))
    page = overview.to_markdown(titles, lines)
    write_atomically(folder / "cells.csv", paper.write_csv(paper.CELLS, lines))
    write_atomically(folder / "overview.md", page)
    if readme is not None:
        replace_between(readme, "tables", overview.to_readme(titles, lines))
    return text or page
