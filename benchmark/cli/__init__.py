"""Command line: ``python -m benchmark COMMAND``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from benchmark.cli import measuring, showing, training
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


TORCHLESS = ("leaderboard", "plots", "page")

COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "bench": training.bench,
    "table": training.table,
    "rerun": training.rerun,
    "robust": measuring.robust,
    "fantasies": measuring.fantasies,
    "leaderboard": showing.leaderboard,
    "plots": showing.plots,
    "page": showing.page,
    "tune": training.tune,
    "evolve": training.evolve,
    "costs": measuring.costs,
    "scale": measuring.scale,
    "perf": measuring.perf,
    "migrate": showing.migrate,
    "theory": measuring.theory,
    "audit": measuring.audit,
    "list": showing.names,
}
