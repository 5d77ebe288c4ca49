"""The rows of a paper's tables, at their published settings."""

from __future__ import annotations

from argparse import Namespace

import msgspec

from benchmark.errors import UserError
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.rows.parse import names_in, row_parser, seeds_in
from benchmark.suite.rows.row import PLACES
from benchmark.suite.run.bench import Job as RowJob
from benchmark.suite.run.bench import rows_to_run
from benchmark.suite.tables import manifest

FREE = (*(f"--data.{place}" for place in PLACES), "--machine.", "--measure.")


def table_rows(paper: str, only: str | None, seeds: str, args: list[str]) -> list[RowJob]:
    """One row for each config of a paper's tables.

    Args:
        paper: its key.
        only: a dataset or the id of one table; None for all tables.
        seeds: how many, or a list.
        args: options for every row that knows them; those that would make it another row are
            refused.
    """
    options = free_options(args)
    rows, unknown = [], set(options)
    for config in manifest.read(paper).configs(only):
        path = CONFIGS / config
        known = row_parser(names_in(path)).get_defaults().keys(branches=True)
        own = [name for name in options if name[2:] in known]
        unknown -= set(own)
        said = [f"--seeds={seeds}", *(f"{name}={options[name]}" for name in own)]
        front = Namespace(
            algorithm=None, dataset=None, network=None, config=[path], baseline="false"
        )
        rows += rows_to_run(front, said)
    if rows and unknown:
        raise UserError(f"unknown option {min(unknown)}")
    return rows


def free_options(args: list[str]) -> dict[str, str]:
    """Option -> value. Raises UserError for one that would make a row another row."""
    options = _options(args)
    for name in options:
        if not name.startswith(FREE):
            raise UserError(
                f"{name} would change the table's settings; a table takes "
                f"{', '.join(FREE[:-2])}, --machine.* and --measure.*, bench takes all options"
            )
    return options


def seeds_asked(text: str) -> list[int]:
    """The seeds that ``--seeds`` asks for: how many, or a list.

    Raises:
        UserError: neither of both, none, or too many.
    """
    try:
        return seeds_in(msgspec.json.decode(text, type=int | list[int]))
    except msgspec.DecodeError as error:
        raise UserError(
            f"seeds {text}: give how many (at least 1), or a list like [0,1,2]"
        ) from error


def _options(args: list[str]) -> dict[str, str]:
    """``--name value`` and ``--name=value`` as a mapping."""
    options: dict[str, str] = {}
    words = iter(args)
    for word in words:
        name, equals, value = word.partition("=")
        if not name.startswith("--"):
            raise UserError(f"unexpected {word!r}")
        options[name] = value if equals else next(words, "")
    return options
