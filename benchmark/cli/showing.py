"""Commands that show what is recorded or registered: leaderboard, plots, page, list, migrate."""

from __future__ import annotations

from pathlib import Path

from benchmark.cli.parser import Parser


def leaderboard(args: list[str]) -> None:
    """Boards and papers' tables from the records."""
    from benchmark.suite.tables import (
        write_boards,
        write_costs,
        write_experiments,
        write_leaderboard,
        write_robustness,
        write_tables,
    )

    parser = Parser(prog="python -m benchmark leaderboard", description=leaderboard.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--readme", type=Path, help="also refresh the tables in this file")
    options = parser.parse_args(args)
    table = write_leaderboard(options.results, options.readme)
    write_tables(options.results, readme=options.readme)
    write_boards(options.results, options.readme)
    if options.readme:
        write_experiments(options.results, options.readme)
    attacked = write_robustness(options.results)
    counted = write_costs(options.results)
    print(f"{options.results}/leaderboard.md, leaderboard.csv: {len(table)} rows")
    print(f"{options.results}/tables: the papers' tables, overview.md, cells.csv")
    if attacked:
        print(f"{options.results}/robustness.md, robustness.csv: {attacked} runs under attack")
    if counted:
        print(f"{options.results}/costs.md, costs.csv: {counted} rows counted")


def plots(args: list[str]) -> None:
    """Learning curves, alignment angles and accuracy against cost, from the records."""
    from benchmark.suite.tables import write_plots

    parser = Parser(prog="python -m benchmark plots", description=plots.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    for path in write_plots(parser.parse_args(args).results):
        print(path)


def page(args: list[str]) -> None:
    """All tables and drawings as web pages, from the records: <results>/page/index.html."""
    from benchmark.suite.tables.page import write_page

    parser = Parser(prog="python -m benchmark page", description=page.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    results = parser.parse_args(args).results
    print(f"{results}/page/index.html: {write_page(results)} pages")


def migrate(args: list[str]) -> None:
    """Give records of an earlier version this version's row identities."""
    from benchmark.suite.run.migrate import migrate as give_identities

    parser = Parser(prog="python -m benchmark migrate", description=migrate.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    print(f"{give_identities(parser.parse_args(args).results)} records changed")


def names(args: list[str]) -> None:
    """What is registered, with the algorithms' traits, and what other packages offer."""
    parser = Parser(prog="python -m benchmark list", description=names.__doc__)
    parser.add_argument("--csv", type=Path, help="write the traits to this file instead")
    file = parser.parse_args(args).csv
    from benchmark.algorithms import ALGORITHMS
    from benchmark.data import DATASETS
    from benchmark.networks import NETWORKS
    from benchmark.tasks import TASKS

    if file is not None:
        from benchmark.suite.records.files import write_atomically
        from benchmark.suite.tables.plausibility import to_csv

        write_atomically(file, to_csv({name: cls.traits for name, cls in ALGORITHMS.items()}))
        return
    for registry in (ALGORITHMS, NETWORKS, DATASETS, TASKS):
        print(f"{registry.kind}s")
        for name, cls in registry.items():
            print(f"  {name:14} {(cls.__doc__ or '').strip().splitlines()[0]}")
            if registry is ALGORITHMS:
                print(f"  {'':14} {ALGORITHMS[name].traits.words}")
        for name, entry in registry.others().items():
            print(f"  {name:14} {entry.value} ({entry.dist.name if entry.dist else 'installed'})")
