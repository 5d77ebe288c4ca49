"""Commands that train: bench, table, rerun, tune, evolve."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from benchmark.cli.parser import Parser
from benchmark.errors import UserError


def bench(args: list[str]) -> None:
    """Train the asked rows with all their seeds, and print them."""
    from benchmark.suite.launch.builds import check_builds
    from benchmark.suite.launch.job import run_jobs
    from benchmark.suite.launch.place import place_of
    from benchmark.suite.launch.queue import run_queue
    from benchmark.suite.run.bench import rows_to_run, run_rows, say_failures, unrecorded
    from benchmark.suite.tables import write_leaderboard
    from benchmark.suite.tables.boards import rows_table

    front, rest = _bench_front(args)
    rows = rows_to_run(front, rest)
    left = unrecorded(rows, front.results, front.again)
    if front.algorithm != "all":  # of which those that cannot are named at the end
        check_builds(job.row for job in left)
    jobs = run_jobs(left, front.results, front.again)
    where = place_of(front, left, len(jobs))
    if where is None:
        if run_rows(left, front.results, front.again):
            print(rows_table(write_leaderboard(front.results), [row.row.hash for row in rows]))
        return
    outcome = run_queue(jobs, front.results, where)
    if outcome.left:
        return
    say_failures(left, front.results)
    if not jobs or outcome.done:
        print(rows_table(write_leaderboard(front.results), [row.row.hash for row in rows]))
    outcome.check()


def _bench_front(args: list[str]) -> tuple[Namespace, list[str]]:
    from benchmark.suite.launch.place import add_options

    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--algorithm")
    parser.add_argument("--dataset")
    parser.add_argument("--network")
    parser.add_argument("--config", type=Path, action="extend", nargs="+", default=[])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--baseline", choices=("true", "false"), default="true")
    parser.add_argument("--again", action="store_true")
    add_options(parser)
    return parser.parse_known_args(args)


def table(args: list[str]) -> None:
    """Train what a paper's tables lack, at its published settings, and print them.

    Of the options of a row (see bench --help) those are accepted that leave it the same row:
    --data.root and other places, --machine.*, --measure.*.
    """
    from benchmark.suite.launch.job import run_jobs
    from benchmark.suite.launch.place import add_options, place_of
    from benchmark.suite.launch.queue import run_queue
    from benchmark.suite.launch.table import table_rows
    from benchmark.suite.run.bench import say_failures
    from benchmark.suite.tables import write_tables

    parser = Parser(prog="python -m benchmark table", description=table.__doc__, allow_abbrev=False)
    parser.add_argument(
        "--paper", required=True,
        help="a key of results/published/papers.csv; equal for the equal-budget board, depth for "
        "accuracy against depth",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, default=12, help="of each search, for those two")
    parser.add_argument("--algorithm", help="names with commas: of those two, these rules alone")
    parser.add_argument("--only", help="the tables of one dataset, or the id of one table")
    parser.add_argument("--seeds", default="5", help="how many, or a list such as [0,1,2]")
    parser.add_argument("--results", type=Path, default=Path("results"))
    add_options(parser)
    front, rest = parser.parse_known_args(args)
    if front.paper in ("equal", "depth"):
        _board(front, rest)
        return
    if front.algorithm:
        raise UserError("--algorithm chooses rules of the boards equal and depth: leave it out")
    rows = table_rows(front.paper, front.only, front.seeds, rest)
    jobs = run_jobs(rows, front.results)
    where = place_of(front, rows, len(jobs))
    if where is None:
        raise UserError("a table's rows run in one process each: leave machine.devices at 1")
    outcome = run_queue(jobs, front.results, where)
    if not outcome.left:
        say_failures(rows, front.results)
        print(write_tables(front.results, front.paper, front.only))
        outcome.check()


def _board(front: Namespace, places: list[str]) -> None:
    from benchmark.suite.launch.table import free_options, seeds_asked
    from benchmark.suite.tables import write_board

    if front.trials < 1:
        raise UserError(f"trials is {front.trials}: it must be at least 1")
    seeds = seeds_asked(front.seeds)
    options = [f"{name}={value}" for name, value in free_options(places).items()]
    try:
        from benchmark.suite.launch import depths, equal
        from benchmark.suite.launch.board import train_board
    except ModuleNotFoundError as error:
        raise UserError(f"the searches need {error.name}: pip install {error.name}") from error
    rules = front.algorithm.split(",") if front.algorithm else None
    tables = (depths if front.paper == "depth" else equal).entries(front.only, options, rules)
    outcome = train_board(front, seeds, tables.values())
    if not outcome.left:
        print(write_board(front.paper, front.results, front.only))
        outcome.check()


def rerun(args: list[str]) -> int:
    """Train the row and seed of a record again, and say how the two compare.

    Where to run is an option (--data.root DIR, --machine.accelerator gpu). The exit code is 1 where
    the runs are different.
    """
    parser = Parser(prog="python -m benchmark rerun", description=rerun.__doc__)
    parser.add_argument("record", type=Path, help="a file in results/records")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    from benchmark.suite.records import records

    records.read(front.record)  # refused before PyTorch is loaded
    from benchmark.suite.run.rerun import rerun as run_again

    return 0 if run_again(front.record, rest, front.results) else 1


def tune(args: list[str]) -> None:
    """Search metaparameters with TPE on the validation split; the same command resumes a search.

    The best setting is written as a config for bench --config. All options of a row (see bench
    --help) are accepted too; --seeds is 1 by default.
    """
    parser = Parser(prog="python -m benchmark tune", description=tune.__doc__, allow_abbrev=False)
    parser.add_argument("--algorithm", help="names with commas, or all; default: dfa")
    parser.add_argument("--dataset", help="default: mnist5k")
    parser.add_argument("--network", help="default: the algorithm's own, else mlp")
    parser.add_argument(
        "--config", type=Path, action="append", help="a complete row instead of the three names"
    )
    parser.add_argument("--trials", type=int, default=20, help="settings to judge, in all")
    parser.add_argument(
        "--space", action="append", default=[], metavar="OPTION=RANGE",
        help="low:high, low:high:log or a,b,c; repeat for several; default: configs/tune/",
    )  # fmt: skip
    parser.add_argument("--search_seed", type=int, default=0, help="of the search's random choices")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    try:
        from benchmark.suite.run.tune import tune as search
    except ModuleNotFoundError as error:
        raise UserError(f"tune needs {error.name}: pip install {error.name}") from error
    for path in search(front, rest):
        print(path)


def evolve(args: list[str]) -> None:
    """Search for a network that solves a task, with each seed, and print the table of all searches.

    The options of a search follow (--algorithm.sigma 0.1, --network.hidden [8], --generations 50,
    --seeds 10); defaults: configs/evolve/. What is recorded is skipped.
    """
    parser = Parser(
        prog="python -m benchmark evolve", description=evolve.__doc__, allow_abbrev=False
    )
    parser.add_argument("--task", required=True, help="its name: see list")
    parser.add_argument("--algorithm", required=True, help="es, ga or neat")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    from benchmark.suite.evolve.run import evolve as search

    print(search(front.task, front.algorithm, rest, front.results))
