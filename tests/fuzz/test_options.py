"""Any value of any option: refused in one line before training, or trained without a fault."""

import json
from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import torch
from hypothesis import event, given
from hypothesis import strategies as some

from benchmark.algorithms import ALGORITHMS
from benchmark.data import DATASETS
from benchmark.engine.descent import Descent
from benchmark.engine.optim import Optim
from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.options import option_types
from benchmark.suite.launch.builds import check_builds
from benchmark.suite.rows.datasets import DATA
from benchmark.suite.rows.parse import Names, parse, read_default, row_parser, to_row
from benchmark.suite.rows.row import build_algorithm, build_data
from benchmark.traits import needs
from tests.conformance.rows import digits_read_once

NOT_OPTIONS = {
    "net",
    "classes",
    "in_shape",
    "blocks",
    "generator",
    "return",
    "seed",
    "loss",
    "optim",
    "root",
    "cache",
    "persistent",
}  # fmt: skip  (needs a trainer)
SETTLING = ("hopfield", "hopfield_conv")
LARGE = {"resnet18", "resnet50", "local_imagenet", "local_cifar"}  # seconds a step
SMALL = {
    "mlp": ["--network.hidden=[6,5]"],
    "hopfield": ["--network.hidden=[6]"],
    "rbm": ["--network.hidden=[6,5]"],
}

whole = some.integers(-3, 40) | some.sampled_from([-(10**18), 10**19, 10**400])
real = some.floats() | some.floats(-2, 2) | some.floats(0, 1, width=16)
small = some.floats(1 / 64, 63 / 64, width=16)
word = some.sampled_from(["", "relu", "None", "null", "sgd", "adam", "zero", "step", "../x", "é"])
one = some.none() | some.booleans() | whole | real | word
value = one | some.lists(one, max_size=4) | some.dictionaries(word, one, max_size=2)
rules = some.sampled_from([*ALGORITHMS])
losses = some.sampled_from(["cross_entropy", "mse", "bce"])


def row_of(algorithm, dataset, network, *arguments):
    """The row that a command with these names and arguments asks for."""
    names = Names(algorithm, dataset, network)
    taken = any(argument.startswith("--network.hidden=") for argument in arguments)
    small = [] if taken else SMALL.get(network, [])
    parser = row_parser(names)
    return to_row(parse(parser, read_default(names), [*small, *arguments], "options"))


def fitting(hint):
    """Values of an option's type, most of them in its range."""
    parts = get_args(hint)
    if hint in (int, float, bool, str, type(None)):
        return {int: some.integers(0, 9), float: small, bool: some.booleans(), str: word,
                type(None): some.none()}[hint]  # fmt: skip
    if is_dataclass(hint):
        types = get_type_hints(hint, include_extras=True)
        return some.fixed_dictionaries({}, optional={k: fitting(t) for k, t in types.items()})
    if get_origin(hint) is Literal:
        return some.sampled_from(parts)
    if get_origin(hint) is Annotated:
        return fitting(parts[0])
    if get_origin(hint) in (list, tuple, Sequence):
        return some.lists(fitting(parts[0]), min_size=1, max_size=3)
    return some.one_of(map(fitting, parts))  # a union


def argument(draw, group, cls):
    """One option of a group, with a value of its type or any other."""
    types = {k: t for k, t in option_types(cls).items() if k not in NOT_OPTIONS and t is not Any}
    name = draw(some.sampled_from(sorted(types)))
    given = draw(fitting(types[name])) if draw(some.booleans()) else draw(value)
    return f"--{group}.{name}={given if isinstance(given, str) else json.dumps(given)}"


def taken_by(algorithm):
    return {"settles": "hopfield", "samples": "rbm"}.get(needs(ALGORITHMS[algorithm]), "mlp")


def take_steps(row):
    """Build a row and take two steps on images of noise."""
    check_builds([row])
    _, shape, classes = DATA[row.data["name"]]
    algorithm = build_algorithm(row, 0, shape, classes)
    optimizer = algorithm.optim.build(algorithm.param_groups())
    algorithm.descend = Descent(optimizer, algorithm.optim.clip)
    algorithm.optim.build_schedule(optimizer, row.epochs)
    draws = torch.Generator().manual_seed(0)
    for _ in range(2):
        x = torch.rand(4, *shape, generator=draws)
        y = torch.randint(classes, (4,), generator=draws)
        assert algorithm.learn(x, y).shape == (4, classes)


def refused_or(do, *asked):
    """A row is refused, in one line, or something is done with it."""
    try:
        do(row_of(*asked))
    except UserError as error:
        assert "\n" not in str(error)
        event("refused")
    else:
        event("done")


@given(some.data())
def test_any_option_of_a_rule(data):
    name = data.draw(rules)
    given = argument(data.draw, "algorithm", ALGORITHMS[name])
    loss = data.draw(losses)
    refused_or(take_steps, name, "mnist5k", taken_by(name), given, f"--loss={loss}")


@given(some.data())
def test_any_option_of_a_network(data):
    network = data.draw(some.sampled_from(sorted({*NETWORKS} - LARGE)))
    dataset = data.draw(some.sampled_from(["mnist5k", "cifar10"]))
    rule = "ep" if network in SETTLING else data.draw(some.sampled_from(["bp", "fa", "dfa"]))
    refused_or(
        take_steps, rule, dataset, network, argument(data.draw, "network", NETWORKS[network])
    )


@given(some.data())
def test_any_option_of_an_optimizer(data):
    name = data.draw(rules)
    kind = data.draw(some.sampled_from(["sgd", "rmsprop", "adam", "adamw"]))
    given = argument(data.draw, "optim", Optim)
    refused_or(take_steps, name, "mnist5k", taken_by(name), f"--optim.name={kind}", given)


@given(some.data())
def test_any_option_of_a_data_set(data):
    dataset = data.draw(some.sampled_from(sorted(DATASETS)))
    given = argument(data.draw, "data", DATASETS[dataset])

    def read(row):
        data = build_data(row, 0)
        if dataset == "mnist5k":
            data.setup("fit")
            x, y = next(iter(data.train_dataloader()))
            assert len(x) == len(y) > 0

    with digits_read_once():
        refused_or(read, "bp", dataset, "mlp", given)
