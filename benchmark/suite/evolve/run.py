"""``python -m benchmark evolve``: from options to searches, their records and their table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser

from benchmark.algorithms import ALGORITHMS
from benchmark.algorithms.families.population import Population
from benchmark.engine.optim import Optim
from benchmark.errors import UserError
from benchmark.networks.mlp import MLP
from benchmark.options import check
from benchmark.registry import nearest
from benchmark.streams import stream
from benchmark.suite.evolve.solve import Search, solve
from benchmark.suite.evolve.weights import Weights
from benchmark.suite.records import published
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.records.reading import read_json
from benchmark.suite.records.schema import hash_of
from benchmark.suite.rows.identity import differing
from benchmark.suite.rows.parse import add_options, parse, read_config, seeds_in
from benchmark.suite.run.environment import environment, now
from benchmark.suite.tables.tally import FOLDER, write_table
from benchmark.tasks import TASKS, Task

ON_WEIGHTS = tuple(name for name, rule in ALGORITHMS.items() if issubclass(rule, Population))
SEARCHES = (*ON_WEIGHTS, "neat")


def evolve(task_name: str, algorithm: str, args: list[str], results: Path) -> str:
    """Search with every seed that is not recorded yet; gives the table of all records.

    Raises:
        UserError: for a name or an option that is unknown or out of range.
    """
    task = TASKS[task_name]()
    if algorithm not in SEARCHES:
        raise UserError(f"{algorithm!r} does not evolve: {nearest(algorithm, SEARCHES)}")
    path = CONFIGS / "evolve" / f"{task_name}-{algorithm}.yaml"
    config = read_config(path) if path.exists() else {}
    options = parse(_parser(algorithm), config, args, str(path)).as_dict()
    seeds, cells = seeds_in(options.pop("seeds")), options.pop("cells")
    for cell in cells:
        published.lookup(cell)
    settings = json.loads(json.dumps({"task": task_name, **options}))
    file = results / FOLDER / f"{task_name}-{algorithm}-{_identity(settings)}.json"
    runs = read_json(file, "record")["runs"] if file.exists() else []
    searched = {run["seed"] for run in runs}
    for seed in seeds:
        if seed in searched:
            continue
        run = solve(_search(settings, task, seed), task, settings["generations"], seed)
        runs.append(run)
        what = "solved" if run["solved"] else "not solved"
        print(
            f"{task_name} {algorithm} seed {seed}: {what} after {run['generations']} generations, "
            f"{run['evaluations']} evaluations, {run['seconds']} s",
            file=sys.stderr,
        )
        record = {
            "settings": settings,
            "cells": cells,
            "runs": runs,
            "environment": environment(torch.device("cpu"), 1, "32-true"),
            "date": now(),
        }
        write_atomically(file, json.dumps(record, indent=1) + "\n")
    return write_table(results)


def _identity(settings: dict[str, Any]) -> str:
    """12 hex digits that stand for the settings, as far as they differ from the defaults."""
    kinds = {"algorithm": _kind(settings["algorithm"]["name"]), "network": MLP, "optim": Optim}
    known = {group: differing(settings[group], kinds[group]) for group in kinds.keys() & settings}
    return hash_of(settings | known)


def _kind(algorithm: str) -> Any:
    if algorithm == "neat":
        from benchmark.suite.evolve.neat_python import NEAT

        return NEAT
    return ALGORITHMS[algorithm]


def _parser(algorithm: str) -> ArgumentParser:
    """The typed options of a search."""
    parser = ArgumentParser(
        prog="python -m benchmark evolve",
        exit_on_error=False,
        description="Search for a network that solves a task.",
    )
    kind = _kind(algorithm)
    if algorithm == "neat":
        add_options(parser, kind, "algorithm", {"task", "seed"})
    else:
        base = {"net", "classes", "loss", "optim", "adversarial_eps", "seed"}
        add_options(parser, kind, "algorithm", base)
        add_options(parser, MLP, "network", {"in_shape", "classes", "generator"})
        add_options(parser, Optim, "optim", set())
    parser.add_argument("--algorithm.name", default=algorithm, help="es, ga or neat")
    parser.add_argument("--generations", type=int, default=100, help="the most")
    parser.add_argument("--cells", type=list[str], default=[], help="published, to stand below")
    parser.add_argument("--seeds", type=int | list[int], default=3, help="how many, or a list")
    return parser


def _search(settings: dict[str, Any], task: Task, seed: int) -> Search:
    if settings["generations"] < 1:
        raise UserError(f"generations is {settings['generations']}: it must be at least 1")
    kind = _kind(settings["algorithm"]["name"])
    options = {k: v for k, v in settings["algorithm"].items() if k != "name"}
    if settings["algorithm"]["name"] == "neat":
        check(kind, options, "algorithm.")
        return kind(task, seed, **options)
    check(MLP, settings["network"], "network.")
    shape = (task.inputs, 1, 1)
    net = MLP(shape, task.outputs, stream(seed, "init"), **settings["network"])
    optim = Optim(**settings["optim"])
    return Weights(kind(net, optim=optim, seed=seed, **options), task)
