"""What the README shows works: its algorithm, its commands' options, its links."""

import re
from pathlib import Path

import torch
from torch.utils.data import TensorDataset

from benchmark.algorithms import ALGORITHMS
from benchmark.algorithms.dfa import DFA
from benchmark.cli import COMMANDS
from benchmark.networks import NETWORKS
from benchmark.suite.evolve.run import SEARCHES
from tests.oracle.tiny import data, network, updates

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_algorithm_shown_in_full_is_dfa():
    code, _ = blocks("python")
    shown = {}
    exec(code, shown)
    x, y, _ = data()
    own = updates(DFA(network()[0], classes=3), x, y)
    for a, b in zip(updates(shown["DFA"](network()[0], classes=3), x, y), own, strict=True):
        assert torch.equal(a, b)


def test_a_plain_trainer_takes_an_algorithm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, code = blocks("python")
    images = TensorDataset(torch.rand(64, 1, 28, 28), torch.arange(64) % 10)
    made = {"my_images": images}
    exec(code, made)
    assert made["algorithm"].steps_done == 1


def test_make_targets_and_names_exist():
    shell = "\n".join(blocks("sh"))
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", shell, flags=re.MULTILINE)) <= targets
    for names in re.findall(r"ALGO=(\S+)", shell):
        own = [name for name in names.split(",") if ":" not in name]
        assert names == "all" or all(name in {*ALGORITHMS, *SEARCHES} for name in own)
    assert all(name in NETWORKS for name in re.findall(r"NETWORK=(\w+)", shell))
    assert set(re.findall(r"-m benchmark (\w+)", shell)) <= set(COMMANDS)


def test_links_and_paths_exist():
    paths = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    paths += [p for row in re.findall(r"^\| `(.*)` \|", README, flags=re.MULTILINE)
              for p in re.split(r"`, `", row)]  # fmt: skip
    assert paths and all((ROOT / p).exists() for p in paths)


def test_what_contributing_names_exists():
    targets = re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    said = re.findall(r"make\s(\w+)", "\n".join(re.findall(r"`[^`]+`", CONTRIBUTING)))
    said += re.findall(r"^make (\w+)", "\n".join(blocks("sh", CONTRIBUTING)), flags=re.MULTILINE)
    assert said and set(said) <= set(targets)
    prose = re.sub(r"```.*?```", "", CONTRIBUTING, flags=re.DOTALL)
    paths = [code for code in re.findall(r"`([\w./]+)`", prose) if "/" in code]
    assert len(paths) > 8 and all((ROOT / path).exists() for path in paths)
