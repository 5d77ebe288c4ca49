"""From names, config files and command-line options to a typed row.

Constructor signatures are the schema: the parser for a row is built from the chosen algorithm's,
network's and data module's own arguments, so ``--help`` shows exactly what can be set and a typo is
an error.
"""

from __future__ import annotations

import difflib
import json
from argparse import ArgumentError
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from benchmark.algorithms import ALGORITHMS
from benchmark.credit.losses import Loss
from benchmark.data import DATASETS
from benchmark.engine.optim import Optim
from benchmark.engine.stop import Stop
from benchmark.errors import UserError
from benchmark.measure import Measure
from benchmark.networks import NETWORKS
from benchmark.suite.records import published
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.records.reading import parse_yaml, read_json, read_yaml
from benchmark.suite.records.records import slug
from benchmark.suite.records.schema import HUGE
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.row import Precision, Row


@dataclass(frozen=True)
class Names:
    """Which algorithm, dataset and network a row is about."""

    algorithm: str
    dataset: str
    network: str

    def check(self) -> None:
        """Raise UserError, with near names, unless all three are registered."""
        ALGORITHMS[self.algorithm], DATASETS[self.dataset], NETWORKS[self.network]

    @property
    def default_config(self) -> Path | None:
        """The suite's own settings for this cell, else those for the algorithm anywhere.

        Those for an algorithm that is not the package's lie in the current folder, in
        ``configs/bench/`` too, under its name as in records' file names (``mine-rule.yaml`` for
        ``mine:Rule``). Where there are none, its constructor's defaults hold (None).
        """
        folder = own_configs(self.algorithm) / "bench"
        cell = "-".join(map(slug, (self.dataset, self.network, self.algorithm)))
        paths = (folder / f"{stem}.yaml" for stem in (cell, slug(self.algorithm)))
        return next((path for path in paths if path.exists()), None)


def own_configs(algorithm: str) -> Path:
    """The folder of an algorithm's configs: the package's, or the current folder's."""
    return CONFIGS if algorithm in ALGORITHMS else Path("configs")


CHOSEN_BY = {"algorithm": "--algorithm", "data": "--dataset", "network": "--network"}
GROUPED = {*CHOSEN_BY, "optim", "machine", "measure"}
MOST_SEEDS = 10_000


def read_config(path: Path) -> dict[str, Any]:
    """A YAML mapping, or the row of a record (.json).

    Raises:
        UserError: for a missing file, or one that is no mapping of options, each given once.
    """
    as_json = path.suffix == ".json"
    config = read_json(path, "config") if as_json else read_yaml(path, "config")
    if as_json and isinstance(config, dict):
        config = config.get("row", config)
    if not (isinstance(config, dict) and all(isinstance(key, str) for key in config)):
        raise UserError(f"{path} is not a mapping of options")
    for group in GROUPED & config.keys():
        if not isinstance(config[group], dict):
            raise UserError(f"{path}: {group} is {config[group]!r}, not a mapping of options")
    return config


def read_named(names: Names, path: Path | None) -> dict[str, Any]:
    """A config file's options for these names, which may differ from those in the file.

    Without a file, the names alone.

    Raises:
        UserError: see :func:`read_config`.
    """
    config = read_config(path) if path else {}
    chosen = {"algorithm": names.algorithm, "data": names.dataset, "network": names.network}
    named = {group: {**config.get(group, {}), "name": name} for group, name in chosen.items()}
    return config | named


def read_default(names: Names) -> dict[str, Any]:
    """Our own settings for these names, above those that all algorithms share on this data set
    and network (``<dataset>-<network>.yaml``, where there is one)."""
    own = read_named(names, names.default_config)
    path = CONFIGS / "bench" / f"{slug(names.dataset)}-{slug(names.network)}.yaml"
    shared = read_config(path) if path.exists() else {}
    return shared | {
        key: shared.get(key, {}) | value if isinstance(value, dict) else value
        for key, value in own.items()
    }


def named_in(config: Mapping[str, Any]) -> Names | None:
    """The three names in a complete config; None where one is missing."""
    try:
        return Names(*(str(config[group]["name"]) for group in ("algorithm", "data", "network")))
    except (KeyError, TypeError):
        return None


def names_in(path: Path) -> Names:
    """The three names that a complete config file or a record gives."""
    if names := named_in(read_config(path)):
        return names
    raise UserError(f"{path}: algorithm, data and network each need a name")


def row_parser(names: Names) -> ArgumentParser:
    """The typed parser for rows of these names."""
    names.check()
    parser = ArgumentParser(prog="python -m benchmark bench", exit_on_error=False, description=(
        "Train a learning algorithm, record it, and rank it. Choose with --algorithm, --dataset "
        "and --network; everything below is an option of that choice. A group's options can also "
        "be given as one: --optim '{name: adam, lr: 0.001}', or as a YAML file: --optim FILE."),
        print_config=None)  # fmt: skip
    base = {"net", "classes", "loss", "optim", "adversarial_eps", "seed"}
    add_options(parser, ALGORITHMS[names.algorithm], "algorithm", base)
    parser.add_argument("--algorithm.name", default=names.algorithm, help="the learning algorithm")
    add_options(parser, NETWORKS[names.network], "network", {"in_shape", "classes", "generator"})
    parser.add_argument("--network.name", default=names.network, help="the network")
    add_options(parser, DATASETS[names.dataset], "data", set())
    parser.add_argument("--data.name", default=names.dataset, help="the dataset")
    add_options(parser, Optim, "optim", set())
    parser.add_argument("--loss", type=Loss, default="cross_entropy", help="task loss")
    parser.add_argument("--adversarial_eps", type=float, default=0.0, help=(
        "learn from x + eps sign(dJ/dx) instead of the inputs x"))  # fmt: skip
    parser.add_argument("--epochs", type=int, default=20, help="passes over the training set")
    parser.add_argument("--stop", type=Stop | None, default=None, help="rule to end a run earlier")
    parser.add_argument("--precision", type=Precision, default="32-true", help="number format")
    parser.add_argument("--variant", type=str, default="", help="a label in the tables")
    parser.add_argument("--published", type=str, default="", help="published cell to compare with")
    add_options(parser, Machine, "machine", set())
    add_options(parser, Measure, "measure", set())
    parser.add_argument("--seeds", type=int | list[int], default=3, help="how many, or a list")
    return parser


def add_options(parser: ArgumentParser, cls: type, group: str, skip: set[str]) -> None:
    """A class's options but ``skip``, each by itself: no option takes the whole group.

    Raises:
        UserError: for an option without type and default.
    """
    title = (cls.__doc__ or cls.__name__).strip().splitlines()[0]
    options: Any = parser.add_argument_group(title, name=group)
    try:
        options.add_class_arguments(cls, group, as_group=False, skip=skip)
    except ValueError as error:
        raise UserError(
            f"{cls.__module__}:{cls.__name__}: {' '.join(str(error).split())}"
        ) from error


def parse(
    parser: ArgumentParser, config: Mapping[str, Any], args: list[str], source: str
) -> Namespace:
    """Options from a config file, overridden by the command line.

    Raises:
        UserError: in one line, for an unknown option (near names listed), an ill-typed value, or
            another algorithm, network or data set than the parser is for.
    """
    known = list(parser.get_defaults().keys(branches=True))
    args = _one_by_one(args)
    leaves = tuple(f"{k}." for k, _ in parser.get_defaults().items())  # may hold a group or None
    for key in _flatten(config):
        if key not in known and not key.startswith(leaves):
            raise UserError(f"{source}: unknown option {key!r}{_hint(key, known)}")
    for arg in args:
        key = arg[2:].split("=", 1)[0].removesuffix("+")
        known_to_all = key in ("help", "print_config") or key.startswith(leaves)
        if arg.startswith("--") and key not in known and not known_to_all:
            raise UserError(f"unknown option --{key}{_hint(key, known)}")
    try:
        base = parser.parse_object(dict(config)) if config else parser.get_defaults()
        options = parser.parse_args(args, namespace=base)
    except (ArgumentError, OverflowError, RecursionError) as error:
        raise UserError(" ".join(str(error).replace("typing.", "").split())) from error
    for group, option in CHOSEN_BY.items():
        if f"{group}.name" not in known:
            continue
        name, chosen = options[group].name, parser.get_default(f"{group}.name")
        if name != chosen:
            raise UserError(f"--{group}.name is {name}, of a row of {chosen}: choose with {option}")
    return options


def _one_by_one(args: list[str]) -> list[str]:
    """The command line with each group that is given whole as its options.

    Raises:
        UserError: a group is given by something else than a mapping, or the file of one.
    """
    single: list[str] = []
    words = iter(args)
    for word in words:
        option, equals, value = word.partition("=")
        if option not in {f"--{group}" for group in GROUPED}:
            single.append(word)
            continue
        value = value if equals else next(words, "")
        is_file = value.endswith((".yaml", ".yml", ".json"))
        given = read_yaml(Path(value), option) if is_file else parse_yaml(value, option)
        if not isinstance(given, dict):
            raise UserError(
                f"{option} is {value!r}: it takes a mapping, such as {{name: value}}, or its file"
            )
        for key, x in given.items():
            single.append(
                f"{option}.{key}={x if isinstance(x, str) else json.dumps(x, default=str)}"
            )
    return single


def _flatten(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key, value in config.items():
        keys += (
            _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
        )
    return keys


def _hint(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    return f": did you mean {' or '.join(near)}?" if near else "; --help lists the options"


def to_row(options: Namespace) -> Row:
    """The row in a parsed set of options.

    Raises:
        UserError: for a number out of its range, an option without use, an unknown published cell.
    """
    values = options.as_dict()
    row = Row(**{f.name: _plain(values[f.name]) for f in fields(Row)})
    row.check()
    if row.published:
        published.lookup(row.published)
    return row


def read_row(names: Names, path: Path | None, args: list[str]) -> Row:
    """The row of a config file (or of the defaults) for these names, with the options ``args``.

    Raises:
        UserError: see :func:`read_config`, :func:`parse` and :func:`to_row`.
    """
    return to_row(parse(row_parser(names), read_named(names, path), args, str(path)))


def seeds_in(asked: Any) -> list[int]:
    """The seeds asked for: n stands for 0 .. n-1. Raises UserError where there are none."""
    how_many = asked if isinstance(asked, int) else len(asked or [])
    if not 1 <= how_many <= MOST_SEEDS:
        raise UserError(
            f"seeds: give how many (1 to {MOST_SEEDS}), or a list like [0,1,2] of as many"
        )
    seeds = list(range(asked)) if isinstance(asked, int) else sorted(set(asked))
    if not 0 <= seeds[0] <= seeds[-1] <= HUGE:
        raise UserError(f"seeds {asked}: each is a number from 0 to {HUGE}")
    return seeds


def _plain(value: Any) -> Any:
    """The value as JSON would give it back: a tuple and the list it equals give one row hash."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
