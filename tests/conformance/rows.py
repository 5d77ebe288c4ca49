"""Small rows of every registered algorithm, for the conformance suite."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.data.decoded import Decoded
from benchmark.data.mnist5k import Mnist5k
from benchmark.suite.rows.parse import Names, parse, read_named, row_parser, to_row
from benchmark.suite.rows.row import Row, build_algorithm, build_data
from benchmark.traits import needs, settles

NETS = {  # by the kind that a rule needs
    "settles": ("hopfield", ["--network.hidden=[24,16]", "--network.activation=sigmoid"]),
    "samples": ("rbm", ["--network.hidden=[24,16]"]),
}
PLAIN = ("mlp", ["--network.hidden=[24,16]"])
TANH = ["--network.activation=tanh", "--network.hidden=[64,48]"]
# With what a tiny problem is learned in three epochs; none of it is a property of the rule.
LEARNS: dict[str, list[str]] = {
    "fa": ["--optim.lr=0.005"],
    "ia": ["--network.hidden=[64,32]"],
    "sa": ["--optim.lr=0.01"],
    "aa": ["--network.hidden=[64,32]", "--optim.lr=0.01"],
    "primitives": ["--network.hidden=[64,32]"],
    "ebd": ["--optim.lr=0.05", "--network.activation=tanh", "--network.hidden=[128,64]"],
    "ifa": ["--network.hidden=[64]"],
    "drtp": ["--network.hidden=[64]", "--network.activation=tanh"],
    "ep": ["--optim.lr=0.2"],
    "ep_vf": ["--optim.lr=1"],
    "chl": ["--optim.lr=0.1"],
    "bptt": ["--optim.lr=0.2"],
    "pepita": ["--optim.lr=0.05", "--network.hidden=[64]"],
    "afa": ["--optim.lr=0.05", "--network.hidden=[64]"],
    "pepita_hebbian": ["--network.hidden=[64]"],
    "pepita_video": [  # on images that are no clips: pepita
        "--optim.lr=0.05", "--network.hidden=[64]", "--algorithm.feedback_scale=0.05"
    ],
    "pepita_tl": ["--optim.lr=0.001", "--network.hidden=[1024]"],
    **{name: ["--optim.lr=0.001", *TANH] for name in ("tp", "sdtp", "ao_sdtp", "ddtp_linear")},
    **{name: ["--optim.lr=0.002", "--network.hidden=[16]"] for name in ("np", "fg")},
    "wp": ["--optim.lr=0.003", "--network.hidden=[16]", "--algorithm.draws=16"],
    "pc": ["--optim.lr=0.002"],
    "epc": ["--optim.lr=0.002"],
    "ipc": ["--optim.lr=0.001"],
    "dualprop": ["--optim.lr=0.005"],
    "dfc": ["--optim.lr=0.005"],
    "burst": ["--optim.lr=0.01", "--network.hidden=[64]"],
    "ccl": ["--optim.lr=0.003", "--network.hidden=[64,64]"],
    "scff": ["--optim.lr=0.005", "--network.hidden=[200,200]"],
    "cwc": ["--optim.lr=0.005", "--network.hidden=[200,200]"],
    "softhebb": ["--optim.lr=3", "--network.hidden=[64]"],
    "noprop": ["--optim.lr=0.005", "--network.hidden=[64,64]"],
    "cd": ["--optim.lr=0.2", "--network.hidden=[64]"],
    "classrbm": ["--optim.lr=0.1", "--network.hidden=[64]"],
    "es": ["--algorithm.pairs=16", "--algorithm.sigma=0.1", "--optim.lr=0.01"],
    "ga": [
        "--algorithm.population=30", "--algorithm.parents=10", "--algorithm.crossover=1",
        "--algorithm.sigma=0.02", "--optim.lr=1", "--network.hidden=[16]",
    ],
    "ff": ["--optim.lr=0.005", "--network.hidden=[200,200]"],
}  # fmt: skip


@cache
def row_of(name: str, *options: str, epochs: int = 2) -> Row:
    network, network_options = NETS.get(needs(ALGORITHMS[name]), PLAIN)
    names = Names(name, "mnist5k", network)
    args = [
        *network_options,
        "--data.batch_size=50",
        "--optim.lr=0.02",
        f"--epochs={epochs}",
        *LEARNS.get(name, []),
    ]
    config = read_named(names, names.default_config)
    return to_row(parse(row_parser(names), config, [*args, *options], "conformance"))


def two_process_row(name: str) -> Row:
    """In float64, so that two processes differ from what they stand for by rounding alone.

    What settles amplifies it: there the steps are small.
    """
    small = ["--optim.lr=0.02"] if settles(ALGORITHMS[name]) else []
    return row_of(name, "--data.batch_size=100", "--precision=64-true", *small, epochs=1)


def stopping_row() -> Row:
    """A row for two processes that ends before its sixth epoch."""
    return replace(two_process_row("bp"), epochs=6, stop={"train_error": 0.65, "memory": 0.75})


@cache
def digits() -> Decoded:
    return Mnist5k().decode()


@contextmanager
def digits_read_once() -> Iterator[None]:
    """Inside, a process reads the file of mnist5k once for all runs."""
    once = digits()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mnist5k, "decode", lambda _: once)
        yield


def built(row: Row, seed: int = 0):
    """Algorithm and data of a row, with a first batch of it."""
    data = build_data(row, seed)
    data.prepare_data()
    data.setup("fit")
    algorithm = build_algorithm(row, seed, data.shape, data.classes)
    x, y = next(iter(data.train_dataloader()))
    n = row.data["batch_size"]
    return algorithm, x[:n], y[:n]


def objectives(algorithm, x, y, whole=False) -> Iterator[torch.Tensor]:
    """The scalars that a step descends, one after the other; of a whole step, to its end."""
    algorithm.before_step(x)
    yield from algorithm.feedback_phase(x)
    for credit in algorithm.credits(x, y):
        yield credit.objective
    if whole:
        algorithm.after_step(credit)


def gradients(algorithm, x, y):
    """Gradients of all phases of one step, by parameter; the weights stay as they are."""
    params = [p for group in algorithm.param_groups() for p in group["params"]]
    found: dict[torch.Tensor, torch.Tensor] = {}
    for scalar in objectives(algorithm, x, y):
        for p, g in zip(
            params, torch.autograd.grad(scalar, params, allow_unused=True), strict=True
        ):
            if g is not None:
                found[p] = found.get(p, 0) + g
    return params, found


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
