"""Small rows of every registered algorithm, for the conformance suite."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.suite.rows.parse import Names, parse, read_named, row_parser, to_row
from benchmark.suite.rows.row import Row, build_algorithm, build_data

# What differs from the default: an algorithm's network, or options that a tiny problem needs.
SETTLING = ("hopfield", ["--network.hidden=[24,16]", "--network.activation=sigmoid"])
# Targets of saturating units.
TANH = ("mlp", ["--network.hidden=[64,48]", "--network.activation=tanh"])
NETWORK: dict[str, tuple[str, list[str]]] = {
    name: SETTLING for name in ("ep", "ep_vf", "chl", "bptt")
} | {name: TANH for name in ("tp", "sdtp", "ao_sdtp", "ddtp_linear")}
OPTIONS: dict[str, list[str]] = {
    "fa": ["--optim.lr=0.005"],
    "ia": ["--network.hidden=[64,32]"],
    "sa": ["--optim.lr=0.01"],
    "aa": ["--network.hidden=[64,32]", "--optim.lr=0.01"],
    "primitives": ["--network.hidden=[64,32]"],
    "ifa": ["--network.hidden=[64]"],
    "drtp": ["--network.hidden=[64]", "--network.activation=tanh"],
    "ep": ["--optim.lr=0.2"],
    "ep_vf": ["--optim.lr=1"],
    "chl": ["--optim.lr=0.1"],
    "bptt": ["--optim.lr=0.2"],
    "pepita": ["--optim.lr=0.05", "--network.hidden=[64]"],
    "afa": ["--optim.lr=0.05", "--network.hidden=[64]"],
    "pepita_hebbian": ["--network.hidden=[64]"],
    **{name: ["--optim.lr=0.001"] for name in ("tp", "sdtp", "ao_sdtp", "ddtp_linear")},
    "pepita_tl": ["--optim.lr=0.001", "--network.hidden=[1024]"],
    "ff": ["--optim.lr=0.005", "--network.hidden=[200,200]"],
}

# Algorithms whose error travels down through synapses, by autograd, inside one scalar.
LEARNED_FEEDBACK = {"kp", "wm", "ia", "sa", "aa", "primitives"}
THROUGH_SYNAPSES = {"bp", "fa", "usf", "brsf", "frsf", "bptt"} | LEARNED_FEEDBACK
# Options without injected noise, where two processes must equal one on the joined batch.
QUIET: dict[str, list[str]] = {
    **{
        name: ["--algorithm.noise=0"]
        for name in ("tp", "dtp", "sdtp", "ao_sdtp", "ddtp_linear", "ldtp")
    },
    "wm": ["--algorithm.noise.before=0", "--algorithm.noise.every=0"],
    **{name: ["--optim.lr=0.02"] for name in ("ep", "ep_vf", "chl", "bptt")},  # less rounding
    "ia": ["--algorithm.normalize=false"],  # statistics of the batch, as in batch norm
    "aa": ["--algorithm.normalize=false"],
    "primitives": ["--algorithm.normalize=false"],
}
# Algorithms whose processes draw noise of their own (negative data): two do not equal one.
OWN_NOISE = {"ff"}


def row_of(name: str, *options: str, epochs: int = 2) -> Row:
    network, network_options = NETWORK.get(name, ("mlp", ["--network.hidden=[24,16]"]))
    names = Names(name, "mnist5k", network)
    args = [
        *network_options,
        "--data.batch_size=50",
        "--optim.lr=0.02",
        f"--epochs={epochs}",
        *OPTIONS.get(name, []),
    ]
    config = read_named(names, names.default_config)
    return to_row(parse(row_parser(names), config, [*args, *options], "conformance"))


def two_process_row(name: str) -> Row:
    """Without injected noise, in float64: two processes differ from one by rounding alone."""
    options = QUIET.get(name, [])
    return row_of(name, "--data.batch_size=100", "--precision=64-true", *options, epochs=1)


def stopping_row() -> Row:
    """A row for two processes that ends before its sixth epoch."""
    return replace(two_process_row("bp"), epochs=6, stop={"train_error": 0.65, "memory": 0.75})


def built(row: Row, seed: int = 0):
    """Algorithm and data of a row, with a first batch of it."""
    data = build_data(row, seed)
    data.prepare_data()
    data.setup("fit")
    algorithm = build_algorithm(row, seed, data.shape, data.classes)
    x, y = next(iter(data.train_dataloader()))
    n = row.data["batch_size"]
    return algorithm, x[:n], y[:n]


class Killed(Exception):
    pass


@contextmanager
def dying_in_epoch(name: str, epoch: int) -> Iterator[None]:
    """Inside, runs of an algorithm die in this epoch, before its third chunk."""
    train = ALGORITHMS[name].training_step

    def die(self, batch: tuple[torch.Tensor, torch.Tensor], i: int) -> None:
        if self.current_epoch == epoch and i == 2:
            raise Killed
        train(self, batch, i)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(ALGORITHMS[name], "training_step", die)
        yield


@contextmanager
def told_to_end_in_epoch(name: str, epoch: int) -> Iterator[None]:
    """Inside, the first process of a run gets SIGTERM in the first chunk of this epoch."""
    train = ALGORITHMS[name].training_step

    def told(self, batch: tuple[torch.Tensor, torch.Tensor], i: int) -> None:
        train(self, batch, i)
        if self.current_epoch == epoch and i == 0 and self.global_rank == 0:
            signal.raise_signal(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit, match="143"):
        patch.setattr(ALGORITHMS[name], "training_step", told)
        yield
