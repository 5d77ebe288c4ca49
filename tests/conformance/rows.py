"""Small rows of every registered algorithm, for the conformance suite."""

from __future__ import annotations

from benchmark.run.parse import Names, parse, read_config, row_parser, to_row
from benchmark.run.row import Row, build_algorithm, build_data

# What differs from the default: an algorithm's network, or options that a tiny problem needs.
SETTLING = ("hopfield", ["--network.hidden=[24,16]", "--network.activation=sigmoid"])
NETWORK: dict[str, tuple[str, list[str]]] = {
    name: SETTLING for name in ("ep", "ep_vf", "chl", "bptt")
}
OPTIONS: dict[str, list[str]] = {
    "fa": ["--optim.lr=0.005"],
    "ep": ["--optim.lr=0.2"],
    "ep_vf": ["--optim.lr=1"],
    "chl": ["--optim.lr=0.1"],
    "bptt": ["--optim.lr=0.2"],
}

# Algorithms whose error travels down through synapses, by autograd, inside one scalar.
THROUGH_SYNAPSES = {"bp", "fa", "bptt"}
# Options without injected noise, where two processes must equal one on the joined batch.
QUIET: dict[str, list[str]] = {"dtp": ["--algorithm.noise=0"]}


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
    config = read_config(names.default_config)
    return to_row(parse(row_parser(names), config, [*args, *options], "conformance"))


def built(row: Row, seed: int = 0):
    """Algorithm and data of a row, with a first batch of it."""
    data = build_data(row, seed)
    data.prepare_data()
    data.setup("fit")
    algorithm = build_algorithm(row, seed, data.shape, data.classes)
    x, y = next(iter(data.train_dataloader()))
    n = row.data["batch_size"]
    return algorithm, x[:n], y[:n]
