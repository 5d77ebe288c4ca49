"""Command line: ``python -m benchmark COMMAND``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser as PlainParser
from argparse import Namespace as PlainNamespace
from pathlib import Path

from benchmark.errors import UserError
from benchmark.run.memory import keep_freed_memory

USAGE = """usage: python -m benchmark COMMAND [options]

commands:
  bench        train algorithms beside backprop, record them, print their rows
  leaderboard  make the tables in results/ from the records
  plots        draw learning curves, alignment angles and cost into results/plots/
  tune         search an algorithm's metaparameters on the validation split
  perf         time our training steps against bare PyTorch loops
  migrate      give records of an earlier version this version's row identities
  theory       run an experiment of a theory paper: numbers and figure into results/theory/
  list         algorithms, networks and datasets by name

python -m benchmark bench --algorithm dfa --dataset mnist --network mlp --help
shows every option of that choice."""


def main(argv: list[str] | None = None) -> int:
    """Run a command. Returns the exit code: 0, or 2 after a UserError, printed as one line."""
    argv = sys.argv[1:] if argv is None else argv
    command, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    try:
        if command in ("-h", "--help"):
            print(USAGE)
        elif command not in COMMANDS:
            from benchmark.registry import nearest

            raise UserError(f"unknown command {command!r}: {nearest(command, COMMANDS)}")
        else:
            keep_freed_memory()
            COMMANDS[command](rest)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


class _Parser(PlainParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UserError(message)


def bench(args: list[str]) -> None:
    """Train the asked rows with all their seeds, and print them."""
    from benchmark.report import rows_table, write_leaderboard
    from benchmark.run.bench import rows_to_run, run_rows

    front, rest = _bench_front(args)
    jobs = rows_to_run(front, rest)
    if run_rows(jobs, front.results, front.again):
        table = write_leaderboard(front.results)
        print(rows_table(table, [job.row.hash for job in jobs]))


def _bench_front(args: list[str]) -> tuple[PlainNamespace, list[str]]:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--algorithm")
    parser.add_argument("--dataset")
    parser.add_argument("--network")
    parser.add_argument("--config", type=Path, action="append", default=[])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--baseline", choices=("true", "false"), default="true")
    parser.add_argument("--again", action="store_true")
    return parser.parse_known_args(args)


def leaderboard(args: list[str]) -> None:
    """Boards and papers' tables from the records."""
    from benchmark.report import write_leaderboard
    from benchmark.suite.tables import write_tables

    parser = _Parser(prog="python -m benchmark leaderboard", description=leaderboard.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--readme", type=Path, help="also refresh the tables in this file")
    options = parser.parse_args(args)
    table = write_leaderboard(options.results, options.readme)
    write_tables(options.results, readme=options.readme)
    print(f"{options.results}/leaderboard.md, leaderboard.csv: {len(table)} rows")
    print(f"{options.results}/tables: the papers' tables, overview.md, cells.csv")


def plots(args: list[str]) -> None:
    """Learning curves, alignment angles and accuracy against cost, from the records."""
    from benchmark.report import write_plots

    parser = _Parser(prog="python -m benchmark plots", description=plots.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    for path in write_plots(parser.parse_args(args).results):
        print(path)


def tune(args: list[str]) -> None:
    """Search metaparameters with TPE on the validation split; the same command resumes a search.

    The best setting is written as a config for bench --config. All options of a row (see bench
    --help) are accepted too; --seeds is 1 by default.
    """
    parser = _Parser(prog="python -m benchmark tune", description=tune.__doc__, allow_abbrev=False)
    parser.add_argument("--algorithm", default="dfa")
    parser.add_argument("--dataset", default="mnist5k")
    parser.add_argument("--network", default="mlp")
    parser.add_argument("--config", type=Path, help="a complete row instead of the three names")
    parser.add_argument("--trials", type=int, default=20, help="settings to judge, in all")
    parser.add_argument(
        "--space", action="append", default=[], metavar="OPTION=RANGE",
        help="low:high, low:high:log or a,b,c; repeat for several; default: configs/tune/",
    )  # fmt: skip
    parser.add_argument("--search_seed", type=int, default=0, help="of the search's random choices")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    try:
        from benchmark.run.tune import tune as search
    except ModuleNotFoundError as error:
        raise UserError(f"tune needs {error.name}: pip install -e '.[tune]'") from error
    print(search(front, rest))


def migrate(args: list[str]) -> None:
    """Give records of an earlier version this version's row identities."""
    from benchmark.run.migrate import migrate as give_identities

    parser = _Parser(prog="python -m benchmark migrate", description=migrate.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    print(f"{give_identities(parser.parse_args(args).results)} records changed")


def perf(args: list[str]) -> None:
    from benchmark.run.perf import main as measure

    measure(args)


def theory(args: list[str]) -> None:
    """Theory beside simulation: numbers and a figure."""
    from benchmark.theory import main as run_experiment

    parser = _Parser(prog="python -m benchmark theory", description=theory.__doc__)
    run_experiment(parser, args)


def names(args: list[str]) -> None:
    """Print what is registered, a line each."""
    from benchmark.algorithms import ALGORITHMS
    from benchmark.data import DATASETS
    from benchmark.networks import NETWORKS

    for registry in (ALGORITHMS, NETWORKS, DATASETS):
        print(f"{registry.kind}s")
        for name, cls in registry.items():
            print(f"  {name:14} {(cls.__doc__ or '').strip().splitlines()[0]}")


COMMANDS = {
    "bench": bench,
    "leaderboard": leaderboard,
    "plots": plots,
    "tune": tune,
    "perf": perf,
    "migrate": migrate,
    "theory": theory,
    "list": names,
}
