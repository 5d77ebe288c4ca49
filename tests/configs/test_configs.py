"""Every config file is a valid row, whose published cell (if any) exists and has its reasons."""

import re

import pytest

from benchmark.networks import NETWORKS
from benchmark.suite.launch.builds import check_builds
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.rows.parse import Names, names_in, read_config, read_default, read_row

OTHERS = ("bench", "tune", "evolve")
COMPLETE = sorted(p for p in CONFIGS.glob("*/*.yaml") if p.parent.name not in OTHERS)
OURS = sorted((CONFIGS / "bench").glob("*.yaml"))
SHARED = [path for path in OURS if path.stem.split("-")[-1] in NETWORKS]


@pytest.mark.parametrize("path", COMPLETE, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_papers_row_can_be_built(path):
    check_builds([read_row(names_in(path), path, [])])


# Where settings are from (in words, or as "source:"), or that they are chosen here ("guess:").
REASON = re.compile(r"source:|guess:|\bauthors\b|\bpaper\b|\bcode\b|\bcommand\b")


def reasons(text):
    """The comment lines of a config that say where its settings are from."""
    return [line for line in text.splitlines() if line.startswith("#") and REASON.search(line)]


PUBLISHED = [p for p in COMPLETE if read_config(p).get("published")]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_published_row_states_its_source_or_marks_a_guess(path):
    assert reasons(path.read_text())


def test_other_comments_are_no_reasons():
    assert not reasons("# 784-1024-10, plain.\noptim: {lr: 0.1}  # guess: 0.1")


@pytest.mark.parametrize("path", [p for p in OURS if p not in SHARED], ids=lambda p: p.stem)
def test_our_own_row(path):
    """Its file name is its place: <algorithm>.yaml or <dataset>-<network>-<algorithm>.yaml."""
    config = read_config(path)
    *place, algorithm = path.stem.split("-")
    dataset, network = place or ("cifar100", config.get("network", {}).get("name", "mlp"))
    names = Names(algorithm, dataset, network)
    assert names.default_config == path
    assert read_row(names, path, []).algorithm["name"] == algorithm == config["algorithm"]["name"]


@pytest.mark.parametrize("path", SHARED, ids=lambda p: p.stem)
def test_settings_for_all_algorithms_lie_below_an_algorithms_own(path):
    dataset, network = path.stem.split("-")
    for algorithm in ("dfa", "drtp"):
        names = Names(algorithm, dataset, network)
        config, own = read_default(names), read_config(names.default_config)
        for group, options in own.items():
            assert config[group].items() >= options.items()
        for group, options in read_config(path).items():
            assert (options | own.get(group, {})).items() <= config[group].items()


def test_the_name_asked_for_is_taken_before_the_files():
    names = Names("ep", "mnist5k", "hopfield_conv")
    assert read_config(names.default_config)["network"]["name"] == "hopfield"
    assert read_row(names, names.default_config, []).network["name"] == "hopfield_conv"
