"""The file to copy is a whole rule: outside, it trains, and passes what every rule passes."""

import inspect
import shutil
import sys
from pathlib import Path

import pytest
import torch

from benchmark.algorithms import ALGORITHMS, _template
from benchmark.algorithms.dfa import DFA
from benchmark.cli import main
from benchmark.suite.records.records import load
from tests.conformance import test_step
from tests.oracle.tiny import data, network, updates

NAME = "mine:Template"
STEPS = [
    test for name, test in vars(test_step).items()
    if name.startswith("test_") and list(inspect.signature(test).parameters) == ["name"]
]  # fmt: skip


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The template as ``mine.py`` in a folder of its own, the current one."""
    shutil.copy(Path(_template.__file__), tmp_path / "mine.py")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("mine", None)


def test_it_learns_by_its_path(copied):
    command = ["bench", "--algorithm", NAME, "--epochs=1", "--seeds=1", "--algorithm.gain=0.9"]
    assert main([*command, "--baseline=false", "--workers=1"]) == 0
    (record,) = load(copied / "results")
    assert record["row"]["algorithm"] == {"name": NAME, "gain": 0.9}
    assert record["metrics"]["test_acc"] > 40


@pytest.mark.parametrize("test", STEPS, ids=lambda test: test.__name__)
def test_it_passes_what_every_rule_passes(copied, test):
    test(NAME)


def test_there_are_such_tests():
    assert len(STEPS) >= 6


def test_its_update_is_as_its_docstring_says():
    """By the gain on the lower layer, that of dfa, to the last bit."""
    x, y, _ = data()
    own = updates(_template.Template(network()[0], classes=3, gain=0.5), x, y)
    dfa = updates(DFA(network()[0], classes=3), x, y)
    for mine, its, factor in zip(own, dfa, (0.5, 1.0, 1.0), strict=True):
        assert torch.equal(mine, factor * its)


def test_it_is_no_rule_of_the_package():
    assert _template.Template not in ALGORITHMS.values()
