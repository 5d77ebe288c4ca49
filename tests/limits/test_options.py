"""Every number has a range, every group keeps its other defaults, what is given is used."""

import math
from dataclasses import asdict, is_dataclass
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

from benchmark.algorithms import ALGORITHMS
from benchmark.data import DATASETS
from benchmark.engine.optim import Optim
from benchmark.engine.stop import Stop
from benchmark.errors import UserError
from benchmark.measure import Measure
from benchmark.networks import NETWORKS
from benchmark.options import Range, check, option_types
from benchmark.suite.launch.builds import check_builds
from benchmark.suite.rows.row import Row
from tests.conformance.rows import built, row_of

FREE = {"feedback_mean", "beta"}  # any finite number means something
NOT_OPTIONS = {"net", "classes", "in_shape", "generator", "return", "seed"}
CLASSES = {
    **{f"algorithm {name}": cls for name, cls in ALGORITHMS.items()},
    **{f"network {name}": cls for name, cls in NETWORKS.items()},
    **{f"data {name}": cls for name, cls in DATASETS.items()},
    **{cls.__name__: cls for cls in (Optim, Stop, Measure, Row)},
}


def numbers(hint, name, wrap=lambda value: value):
    """(name, range or None, value -> option's value) of each number in an option's type."""
    if get_origin(hint) is Annotated:
        (found,) = [m for m in hint.__metadata__ if isinstance(m, Range)]
        yield name, found, wrap
    elif hint in (int, float):
        yield name, None, wrap
    elif isinstance(hint, type) and is_dataclass(hint):
        for part, inner in get_type_hints(hint, include_extras=True).items():
            key, _, _ = part.partition(".")
            yield from numbers(inner, f"{name}.{part}", lambda v, k=key: wrap({k: v}))
    elif get_args(hint) and get_origin(hint) is not None:
        listed = get_origin(hint) in (list, tuple) or "Sequence" in str(get_origin(hint))
        for inner in set(get_args(hint)) - {Ellipsis}:
            yield from numbers(inner, name, (lambda v: wrap([v])) if listed else wrap)
    elif "|" in str(hint):
        for inner in get_args(hint):
            yield from numbers(inner, name, wrap)


def all_numbers(cls):
    for name, hint in option_types(cls).items():
        if name not in NOT_OPTIONS:
            yield from numbers(hint, name)


@pytest.mark.parametrize("which", CLASSES)
def test_every_number_has_a_range_which_is_checked(which):
    cls = CLASSES[which]
    for name, range_, wrap in all_numbers(cls):
        top = name.partition(".")[0]
        assert range_ or top in FREE, f"{name} has no range"
        outside = [math.nan, math.inf, -math.inf]
        if range_:
            outside += [x for x in (-1, -0.001, 0, 1, 1.5) if x not in range_]
        for x in outside:
            with pytest.raises(UserError, match=rf"{top}.* is "):
                check(cls, {top: wrap(x)})
        inside = [x for x in (0.5, 1, 3) if not range_ or x in range_]
        check(cls, {top: wrap(inside[0])})


def groups_of(algorithm):
    """The groups of options that an algorithm goes by."""
    return [value for value in vars(algorithm).values() if is_dataclass(value)]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_one_option_of_a_group_keeps_the_others(name):
    """What a group's option is anyway, given, changes nothing."""
    usual = groups_of(built(row_of(name))[0])
    for option, hint in option_types(ALGORITHMS[name]).items():
        kind = next((h for h in (hint, *get_args(hint)) if is_dataclass(h)), None)
        for group in usual:
            if option == "optim" or type(group) is not kind:
                continue
            for part, value in asdict(group).items():
                if option not in row_of(name).algorithm:
                    continue  # the rule has set it
                given = built(row_of(name, f"--algorithm.{option}.{part}={value}"))[0]
                assert groups_of(given) == usual, f"{option}.{part}"


UNUSED = {
    "nesterov": {"nesterov": True},
    "milestones": {"milestones": [3]},
    "no milestones": {"schedule": "step"},
    "t_max": {"t_max": 3},
    "betas of sgd": {"betas": (0.5, 0.9)},
    "momentum of adam": {"name": "adam", "momentum": 0.9},
    "alpha of adam": {"name": "adam", "alpha": 0.9},
}


@pytest.mark.parametrize("case", UNUSED)
def test_an_option_that_another_leaves_without_use_is_refused(case):
    with pytest.raises(UserError, match=r"optim\.") as error:
        Optim(**UNUSED[case])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [{"lr": -1}, {"weight_decay": math.nan}, {"momentum": 1.0}])
def test_an_optimizer_made_by_hand_has_the_ranges_too(wrong):
    with pytest.raises(UserError, match=rf"optim\.{next(iter(wrong))} is "):
        Optim(**wrong)


@pytest.mark.parametrize(
    ("name", "options", "enough"),
    [
        ("dtp", ["--algorithm.decoder_epochs=3"], 4),
        ("ff", ["--algorithm.layers=greedy"], 2),
        ("bp", [], 1),
    ],
)
def test_a_run_in_which_a_part_would_never_learn_is_refused(name, options, enough):
    for epochs in (enough, enough - 1):
        row = row_of(name, *options, epochs=max(epochs, 1))
        if epochs == enough or enough == 1:
            check_builds([row])
            continue
        with pytest.raises(UserError, match=f"{epochs} epochs"):
            check_builds([row])


@pytest.mark.parametrize("value", [[3, 3], 3, "pixels", True])
def test_a_group_of_options_is_a_mapping(value):
    with pytest.raises(UserError, match=r"label is .*: give it as a mapping of its options"):
        check(ALGORITHMS["ff"], {"label": value})
