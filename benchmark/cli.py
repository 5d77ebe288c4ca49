"""Command line: ``python -m benchmark COMMAND``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser as PlainParser
from argparse import Namespace as PlainNamespace
from pathlib import Path

from benchmark.errors import UserError

USAGE = """usage: python -m benchmark COMMAND [options]

commands:
  bench        train algorithms beside backprop, record them, print their rows
  leaderboard  make the tables and plots in results/ from the records
  perf         time our training steps against bare PyTorch loops
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
            COMMANDS[command](rest)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
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
    """Tables and plots from the records."""
    from benchmark.report import write_leaderboard, write_plots

    parser = _Parser(prog="python -m benchmark leaderboard", description=leaderboard.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--readme", type=Path, help="also refresh the table in this file")
    parser.add_argument("--plots", action="store_true", help="also draw results/plots/*.png")
    options = parser.parse_args(args)
    table = write_leaderboard(options.results, options.readme)
    print(f"{options.results}/leaderboard.md, leaderboard.csv: {len(table)} rows")
    if options.plots:
        for path in write_plots(options.results):
            print(path)


def perf(args: list[str]) -> None:
    from benchmark.run.perf import main as measure

    measure(args)


def names(args: list[str]) -> None:
    """Print what is registered, a line each."""
    from benchmark.algorithms import ALGORITHMS
    from benchmark.data import DATASETS
    from benchmark.networks import NETWORKS

    for registry in (ALGORITHMS, NETWORKS, DATASETS):
        print(f"{registry.kind}s")
        for name, cls in registry.items():
            print(f"  {name:14} {(cls.__doc__ or '').strip().splitlines()[0]}")


COMMANDS = {"bench": bench, "leaderboard": leaderboard, "perf": perf, "list": names}
