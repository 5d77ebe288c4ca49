"""Writing what results/ shows: the leaderboard, the papers' tables, README's sections, plots."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark.errors import UserError
from benchmark.suite.records import counted, robustness, studies
from benchmark.suite.records.files import replace_between, write_atomically
from benchmark.suite.records.published import papers as titles_of_papers
from benchmark.suite.records.records import Record, load
from benchmark.suite.tables import (
    cost_board,
    depth_board,
    equal_board,
    experiments,
    manifest,
    overview,
    paper,
    robustness_board,
    robustness_page,
)
from benchmark.suite.tables.boards import to_csv, to_page, update_readme
from benchmark.suite.tables.cells import rows_by_cell
from benchmark.suite.tables.compared import compared
from benchmark.suite.tables.leaderboard import leaderboard


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


def write_leaderboard(results: Path, readme: Path | None = None) -> pd.DataFrame:
    """Write ``leaderboard.csv`` and ``leaderboard.md`` into ``results``, and the README's table.

    Raises:
        UserError: there are no records, one is broken, or a file cannot be written.
    """
    frame = leaderboard(_records(results))
    write_atomically(results / "leaderboard.csv", to_csv(frame))
    write_atomically(results / "leaderboard.md", to_page(frame))
    if readme is not None:
        update_readme(readme, frame)
    return frame


def write_robustness(results: Path) -> int:
    """Write ``robustness.csv`` and ``robustness.md`` into ``results``, where runs were attacked.

    Returns:
        The number of those runs.

    Raises:
        UserError: one is broken, or not of its record's weights, or a file cannot be written.
    """
    measured = robustness.load(results)
    if measured:
        rows = robustness_board.attacked(load(results), measured)
        write_atomically(results / "robustness.csv", robustness_board.to_csv(rows))
        write_atomically(results / "robustness.md", robustness_page.to_markdown(rows))
    return len(measured)


def write_board(board: str, results: Path, only: str | None = None) -> str:
    """Write the board ``equal`` or ``depth``; returns its tables, or those of ``only``.

    Raises:
        UserError: a study or a record is faulty, or a file cannot be written.
    """
    write = depth_board.write_depth if board == "depth" else equal_board.write_equal
    return write(results, only)


def write_boards(results: Path, readme: Path | None = None) -> None:
    """Write the boards ``equal`` and ``depth`` where they have studies.

    Args:
        results: folder of results.
        readme: a file whose section ``equal`` is refreshed.

    Raises:
        UserError: a study or a record is faulty, or a file cannot be written.
    """
    known = {study["row"].get("variant") for study in studies.load(results)}
    for board, variant in (("equal", equal_board.VARIANT), ("depth", depth_board.VARIANT)):
        if variant in known:
            write_board(board, results)
    if readme is not None and equal_board.VARIANT in known:
        replace_between(readme, "equal", equal_board.to_readme(results))


def write_costs(results: Path) -> int:
    """Write ``costs.csv`` and ``costs.md`` into ``results``, where rows were counted.

    Returns:
        The number of those rows.

    Raises:
        UserError: the costs or a record are broken, or a file cannot be written.
    """
    costs = counted.read(results)
    if not costs:
        return 0
    board = cost_board.cost_board(load(results), costs)
    write_atomically(results / "costs.csv", cost_board.to_csv(board))
    write_atomically(results / "costs.md", cost_board.to_markdown(board))
    return len(board)


def write_experiments(results: Path, readme: Path) -> None:
    """Refresh the sections ``recurrence`` and ``video`` of ``readme``, where they have records.

    Raises:
        UserError: a record is broken, the marks are missing, or the file cannot be written.
    """
    records = load(results)
    tables = {
        "recurrence": experiments.recurrence(records),
        "video": experiments.video(records, counted.read(results)),
    }
    for section, table in tables.items():
        if table:
            replace_between(readme, section, table)


def write_plots(results: Path) -> list[Path]:
    """Write all plots into ``results/plots``, as PNG and SVG; returns their paths.

    Raises:
        UserError: there are no records, one is broken, or a file cannot be written.
    """
    from benchmark.suite.tables.depth_plot import depth_plots  # matplotlib is slow to import
    from benchmark.suite.tables.pareto import pareto_plots
    from benchmark.suite.tables.plots import plots

    paths, records = [], _records(results)
    depths = depth_board.points(studies.load(results), records)
    board = cost_board.cost_board(records, counted.read(results))
    drawn = [*plots(records), *depth_plots(depths), *pareto_plots(board)]
    for name, content in drawn:
        paths.append(results / "plots" / name)
        write_atomically(paths[-1], content)
    return paths


def _records(results: Path) -> list[Record]:
    records = load(results)
    if not records:
        raise UserError(f"no records in {results / 'records'}: run a row first")
    return records
