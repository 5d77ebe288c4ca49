"""Records -> leaderboard, page and plots. Nothing here needs torch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmark.errors import UserError
from benchmark.report.files import write_atomically
from benchmark.report.leaderboard import leaderboard
from benchmark.report.records import Record, load
from benchmark.report.tables import rows_table, to_csv, to_page, update_readme

__all__ = ["leaderboard", "rows_table", "write_leaderboard", "write_plots"]


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


def write_plots(results: Path) -> list[Path]:
    """Write all plots into ``results/plots``; returns their paths.

    Raises:
        UserError: there are no records, one is broken, or a file cannot be written.
    """
    from benchmark.report.plots import plots  # matplotlib is slow to import

    paths = []
    for name, png in plots(_records(results)):
        paths.append(results / "plots" / f"{name}.png")
        write_atomically(paths[-1], png)
    return paths


def _records(results: Path) -> list[Record]:
    records = load(results)
    if not records:
        raise UserError(f"no records in {results / 'records'}: run a row first")
    return records
