"""Command line: ``python -m benchmark COMMAND``."""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentParser as PlainParser
from argparse import Namespace as PlainNamespace
from collections.abc import Callable
from pathlib import Path

from benchmark.engine.memory import keep_freed_memory
from benchmark.engine.ranks import is_first
from benchmark.errors import UserError, mendable

USAGE = """usage: python -m benchmark COMMAND [options]

commands:
  bench        train algorithms beside backprop, record them, print their rows
  table        train what a paper's tables lack, and print them beside the published numbers
  rerun        train a record's row and seed again: equal bits, equal within noise, or different
  robust       attack recorded runs: accuracy under attacks and corruptions
  fantasies    draw recorded Boltzmann machines: filters, samples; free energies
  leaderboard  make the tables in results/ from the records
  plots        draw learning curves, alignment angles and cost into results/plots/
  page         write all tables and drawings as web pages: results/page/index.html
  tune         search an algorithm's metaparameters on the validation split
  evolve       search for a network that solves a task: es, ga, neat on xor, cart_pole, double_pole
  costs        count what a step of each recorded row does and holds: FLOPs, passes, memory
  scale        what ImageNet rows would take on nodes of GPUs, from what is measured here
  perf         time our training steps against bare PyTorch loops
  migrate      give records of an earlier version this version's row identities
  audit        what each rule really is: angle to backprop, is it backprop, products, passes
  theory       run an experiment of a theory paper: numbers and figure into results/theory/
  list         algorithms with their traits, networks, datasets and tasks

python -m benchmark bench --algorithm dfa --dataset mnist --network mlp --help
shows every option of that choice; --print_config instead of --help prints its row.
--config FILE (a row as YAML, or a record) or a folder of them chooses rows instead."""


def main(argv: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0; 1 where a rerun came out different; 2 after a UserError, printed as one
        line.
    """
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
            _say_first(command)
            code = COMMANDS[command](rest) or 0
            sys.stdout.flush()
            return code
    except BrokenPipeError:  # the reader of our output, head or less, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, MemoryError, RuntimeError) as error:
        if (said := mendable(error)) is error:
            raise
        print(f"error: {command}: {said}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


def _say_first(command: str) -> None:
    """A line on stderr before large packages are loaded, which takes seconds."""
    if is_first() and not {"torch", "pandas"} & sys.modules.keys():
        what = "reading the records" if command in TORCHLESS else "loading PyTorch"
        print(f"{command}: {what}", file=sys.stderr, flush=True)


class _Parser(PlainParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UserError(message)


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


def _bench_front(args: list[str]) -> tuple[PlainNamespace, list[str]]:
    from benchmark.suite.launch.place import add_options

    parser = _Parser(add_help=False, allow_abbrev=False)
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

    parser = _Parser(
        prog="python -m benchmark table", description=table.__doc__, allow_abbrev=False
    )
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


def _board(front: PlainNamespace, places: list[str]) -> None:
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
    parser = _Parser(prog="python -m benchmark rerun", description=rerun.__doc__)
    parser.add_argument("record", type=Path, help="a file in results/records")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    from benchmark.suite.records import records

    records.read(front.record)  # refused before PyTorch is loaded
    from benchmark.suite.run.rerun import rerun as run_again

    return 0 if run_again(front.record, rest, front.results) else 1


def robust(args: list[str]) -> None:
    """Attack recorded runs, and write what they withstand to results/robustness/.

    FGSM and PGD through the true gradient, PGD through the rule's own feedback and through another
    seed of backprop, Square attack, noise, blur and contrast. Where to run is an option
    (--data.root DIR, --machine.accelerator gpu).
    """
    parser = _Parser(prog="python -m benchmark robust", description=robust.__doc__)
    parser.add_argument("--algorithm", help="runs of these rules: names with commas")
    parser.add_argument("--dataset", help="runs on this data set")
    parser.add_argument("--network", help="runs of this network")
    parser.add_argument(
        "--record", type=Path, action="extend", nargs="+", default=[],
        help="files in results/records, instead of names",
    )  # fmt: skip
    parser.add_argument("--images", type=int, default=1000, help="of the test set, evenly spread")
    parser.add_argument(
        "--retrain", action="store_true", help="train again the runs whose weights are gone"
    )
    parser.add_argument("--again", action="store_true", help="also what is measured already")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    from benchmark.suite.run.robust import robust as attack

    for path in attack(front, rest):
        print(path)


def fantasies(args: list[str]) -> None:
    """Draw recorded Boltzmann machines into results/boltzmann/: filters, samples, free energies.

    Where to run is an option (--data.root DIR, --machine.accelerator gpu).
    """
    parser = _Parser(prog="python -m benchmark fantasies", description=fantasies.__doc__)
    parser.add_argument("--record", type=Path, action="extend", nargs="+", default=[])
    parser.add_argument(
        "--retrain", action="store_true", help="train again the runs whose weights are gone"
    )
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    from benchmark.suite.run.fantasies import fantasies as draw

    for path in draw(front.results, front.record, front.retrain, rest):
        print(path)


def leaderboard(args: list[str]) -> None:
    """Boards and papers' tables from the records."""
    from benchmark.suite.tables import (
        write_boards,
        write_costs,
        write_leaderboard,
        write_robustness,
        write_tables,
    )

    parser = _Parser(prog="python -m benchmark leaderboard", description=leaderboard.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--readme", type=Path, help="also refresh the tables in this file")
    options = parser.parse_args(args)
    table = write_leaderboard(options.results, options.readme)
    write_tables(options.results, readme=options.readme)
    write_boards(options.results, options.readme)
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

    parser = _Parser(prog="python -m benchmark plots", description=plots.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    for path in write_plots(parser.parse_args(args).results):
        print(path)


def page(args: list[str]) -> None:
    """All tables and drawings as web pages, from the records: <results>/page/index.html."""
    from benchmark.suite.tables.page import write_page

    parser = _Parser(prog="python -m benchmark page", description=page.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    results = parser.parse_args(args).results
    print(f"{results}/page/index.html: {write_page(results)} pages")


def tune(args: list[str]) -> None:
    """Search metaparameters with TPE on the validation split; the same command resumes a search.

    The best setting is written as a config for bench --config. All options of a row (see bench
    --help) are accepted too; --seeds is 1 by default.
    """
    parser = _Parser(prog="python -m benchmark tune", description=tune.__doc__, allow_abbrev=False)
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
    parser = _Parser(
        prog="python -m benchmark evolve", description=evolve.__doc__, allow_abbrev=False
    )
    parser.add_argument("--task", required=True, help="its name: see list")
    parser.add_argument("--algorithm", required=True, help="es, ga or neat")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    from benchmark.suite.evolve.run import evolve as search

    print(search(front.task, front.algorithm, rest, front.results))


def migrate(args: list[str]) -> None:
    """Give records of an earlier version this version's row identities."""
    from benchmark.suite.run.migrate import migrate as give_identities

    parser = _Parser(prog="python -m benchmark migrate", description=migrate.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    print(f"{give_identities(parser.parse_args(args).results)} records changed")


def perf(args: list[str]) -> None:
    from benchmark.suite.perf.steps import main as measure

    measure(args)


def theory(args: list[str]) -> None:
    """Theory beside simulation: numbers and a figure."""
    from benchmark.suite.theory import main as run_experiment

    parser = _Parser(prog="python -m benchmark theory", description=theory.__doc__)
    run_experiment(parser, args)


def costs(args: list[str]) -> None:
    """Count what a step of each recorded row does and holds: <results>/costs.md and costs.csv."""
    parser = _Parser(prog="python -m benchmark costs", description=costs.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--again", action="store_true", help="count all rows anew")
    front = parser.parse_args(args)
    from benchmark.suite.perf.costs import costs as count
    from benchmark.suite.tables import write_costs

    new = count(front.results, front.again)
    rows = write_costs(front.results)
    print(f"{front.results}/costs.md, costs.csv: {rows} rows, {new} counted now")


def scale(args: list[str]) -> None:
    """What ImageNet rows would take on nodes of GPUs: <results>/scale.md.

    Decoding and the exchange of gradients are measured here, operations are counted.
    """
    parser = _Parser(prog="python -m benchmark scale", description=scale.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="train/<class>/* of JPEGs, val/")
    parser.add_argument("--tflops", type=float, default=35.0, help="that a GPU sustains, assumed")
    parser.add_argument("--link", type=float, default=100.0, help="GB/s between GPUs, assumed")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front = parser.parse_args(args)
    from benchmark.suite.perf.scale import scale as measured

    print(measured(front.results, front.root, front.tflops, front.link))


def audit(args: list[str]) -> None:
    """Audit rules, print what was found and write it to <results>/audit.csv."""
    parser = _Parser(prog="python -m benchmark audit", description=audit.__doc__)
    parser.add_argument("--algorithm", default="all", help="names with commas, or all")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front = parser.parse_args(args)
    from benchmark.algorithms import ALGORITHMS
    from benchmark.suite.perf.audit import audit as audited

    names = list(ALGORITHMS) if front.algorithm == "all" else front.algorithm.split(",")
    print(audited(names, front.results / "audit.csv"))


def names(args: list[str]) -> None:
    """What is registered, with the algorithms' traits, and what other packages offer."""
    parser = _Parser(prog="python -m benchmark list", description=names.__doc__)
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


TORCHLESS = ("leaderboard", "plots", "page")

COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "bench": bench,
    "table": table,
    "rerun": rerun,
    "robust": robust,
    "fantasies": fantasies,
    "leaderboard": leaderboard,
    "plots": plots,
    "page": page,
    "tune": tune,
    "evolve": evolve,
    "costs": costs,
    "scale": scale,
    "perf": perf,
    "migrate": migrate,
    "theory": theory,
    "audit": audit,
    "list": names,
}
