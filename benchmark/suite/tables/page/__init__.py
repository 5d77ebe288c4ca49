"""The page that people look at: ``results/page/``, made from the records, without a server."""

from __future__ import annotations

from pathlib import Path

from benchmark.errors import UserError
from benchmark.suite.records.files import write_folder
from benchmark.suite.records.records import located
from benchmark.suite.tables.page.runs import Runs
from benchmark.suite.tables.page.site import Site


def write_page(results: Path) -> int:
    """Write ``page/`` into ``results``: all of it anew, or nothing.

    Returns:
        The number of its files.

    Raises:
        UserError: there are no records, one is broken, another file that the page is made from is,
            ``page`` holds something else, or it cannot be written.
    """
    records = located(results)
    if not records:
        raise UserError(f"no records in {results / 'records'}: run a row first")
    attacked = [path.name for path in (results / "robustness").glob("*.json")]
    site = Site(results, Runs(records, attacked))
    return write_folder(results / "page", site.pages(), "index.html")
