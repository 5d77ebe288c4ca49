"""The rows that a command chooses: by names, by config files and records, or by folders of them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any, NamedTuple

from lightning.pytorch.utilities import rank_zero_only

from benchmark.algorithms import ALGORITHMS
from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.networks.hopfield import Hopfield
from benchmark.networks.rbm import RBM
from benchmark.suite.records.places import find
from benchmark.suite.rows.parse import (
    Names,
    named_in,
    names_in,
    read_config,
    read_default,
    read_named,
)
from benchmark.traits import needs

DEFAULT = Names("dfa", "mnist5k", "mlp")
NETS: dict[str, tuple[str, type]] = {  # for rules that need a network that ..
    "settles": ("hopfield", Hopfield),
    "samples": ("rbm", RBM),
}
NAMES = ("algorithm", "dataset", "network")
SUFFIXES = (".yaml", ".yml", ".json")


class Choice(NamedTuple):
    """A row as chosen, before the command line's options.

    Attributes:
        path: of its config file or record; None where it has none.
        config: the row's options from there.
        said: how the command named it: as options, or not at all where it gave the file.
    """

    names: Names
    path: Path | None
    config: dict[str, Any]
    said: list[str]

    @property
    def source(self) -> str:
        """Where ``config`` comes from, for messages."""
        return str(self.path or self.names.algorithm)


def choices(front: Namespace) -> list[Choice]:
    """What ``--config`` (files and folders) or the three names choose.

    Args:
        front: algorithm (names with commas, or ``all`` of the package's), dataset, network, config.

    Raises:
        UserError: for an unknown name, a bad file, a folder without rows, or files beside names.
    """
    for option in NAMES:
        if (getattr(front, option) or "").endswith(SUFFIXES):
            raise UserError(f"--{option} takes a name: files of whole rows go to --config")
    return _in_files(front) if front.config else _by_names(front)


def _in_files(front: Namespace) -> list[Choice]:
    for option in NAMES:
        if getattr(front, option) is not None:
            raise UserError(f"--config gives whole rows: leave out --{option}, or --config")
    files = [file for path in front.config for file in rows_in(find(path))]
    return [Choice(names := names_in(file), file, read_named(names, file), []) for file in files]


def rows_in(path: Path) -> list[Path]:
    """A file itself; of a folder, the files that hold complete rows.

    Raises:
        UserError: none does, or one cannot be read.
    """
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
    complete = [file for file in files if named_in(read_config(file))]
    if not complete:
        raise UserError(f"{path} holds no row in which algorithm, data and network have a name")
    return complete


def _by_names(front: Namespace) -> list[Choice]:
    asked = _given(front.algorithm, DEFAULT.algorithm).split(",")
    chosen = []
    for algorithm in list(ALGORITHMS) if asked == ["all"] else asked:
        if asked == ["all"] and not _may_train(algorithm, front.network):
            kind = needs(ALGORITHMS[algorithm])
            rank_zero_only(print)(f"{algorithm} needs a network that {kind}: left out")
            continue
        network = _given(front.network, _own_network(algorithm) or DEFAULT.network)
        names = Names(algorithm, _given(front.dataset, DEFAULT.dataset), network)
        names.check()
        said = [f"--algorithm={algorithm}", f"--dataset={names.dataset}", f"--network={network}"]
        chosen.append(Choice(names, names.default_config, read_default(names), said))
    return chosen


def _given(name: str | None, usual: str) -> str:
    """What was asked for, also where that is empty and hence unknown."""
    return usual if name is None else name


def _own_network(algorithm: str) -> str | None:
    """One of the kind that a rule needs; else that which a rule's settings name."""
    if (kind := needs(ALGORITHMS[algorithm])) in NETS:
        return NETS[kind][0]
    path = Names(algorithm, "", "").default_config
    return read_config(path).get("network", {}).get("name") if path else None


def _may_train(algorithm: str, network: str | None) -> bool:
    """Whether the network that was asked for, if any, is of the kind that a rule needs."""
    kind = needs(ALGORITHMS[algorithm])
    return network is None or kind not in NETS or issubclass(NETWORKS[network], NETS[kind][1])
