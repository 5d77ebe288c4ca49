"""The command fantasies on tiny Boltzmann machines: what it draws, and the numbers by hand."""

import csv
import json

import pytest
import torch
from PIL import Image

from benchmark.algorithms import ALGORITHMS
from benchmark.cli import main
from benchmark.networks import RBM
from benchmark.streams import stream
from benchmark.suite.run import fantasies

TINY = [
    "--dataset=mnist5k", "--epochs=1", "--seeds=1", "--measure.every=0", "--network.hidden=[8,6]",
]  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = tmp_path_factory.mktemp("fantasies") / "results"
    for rule in ("cd", "bp"):
        network = [] if rule == "cd" else ["--network=mlp"]
        command = ["bench", f"--algorithm={rule}", *network, *TINY, f"--results={results}"]
        assert main([*command, "--baseline=false"]) == 0
    return results


def test_pictures_and_numbers(results, monkeypatch):
    monkeypatch.setattr(fantasies, "ROUNDS", (0, 1, 3))
    assert main(["fantasies", f"--results={results}"]) == 0
    folder = results / "boltzmann"
    with (folder / "machines.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [(line["algorithm"], line["layer"]) for line in lines] == [("cd", "0"), ("cd", "1")]
    for line in lines:
        gap = float(line["free_energy_val"]) - float(line["free_energy_train"])
        assert float(line["free_energy_gap"]) == pytest.approx(gap, abs=0.011)
        assert 0 < float(line["reconstruction"]) < 1
    (shown,) = folder.glob("*-samples.png")
    assert Image.open(shown).size == (2 * (20 * 29 + 1), 2 * (3 * 29 + 1))
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(["fantasies", f"--results={results}"]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_other_rules_and_lost_weights_are_refused_in_one_line(results, tmp_path, capsys):
    (bp,) = (results / "records").glob("*-bp-*.json")
    assert main(["fantasies", f"--record={bp}", f"--results={results}"]) == 2
    assert "not 'bp'" in capsys.readouterr().err.splitlines()[-1]
    (cd,) = (results / "records").glob("*-cd-*.json")
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / cd.name).write_text(json.dumps(json.loads(cd.read_text())))
    assert main(["fantasies", f"--results={tmp_path}"]) == 2
    assert "--retrain" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("rule", ["cd", "classrbm"])
def test_free_energies_by_enumeration(rule):
    """F(v) = -log of the sum over all hidden states, and for classrbm over all classes."""
    net = RBM((1, 2, 2), 3, stream(0, "init"), hidden=(3,)).double()
    algorithm = ALGORITHMS[rule](net, classes=3)
    machine, out = algorithm.machines[0], net.blocks[-1].synapse
    for p in net.parameters():
        torch.nn.init.normal_(p, generator=stream(1, "draw"))
    v = torch.tensor([[0.0, 1, 1, 0], [1, 0, 0, 1]]).double()
    h = torch.cartesian_prod(*[torch.arange(2.0)] * 3).double()
    c = net.blocks[0].synapse.bias
    minus_E = (v @ machine.b)[:, None] + (h @ c)[None] + v @ machine.W.t() @ h.t()
    if rule == "classrbm":
        minus_E = minus_E[..., None] + (out.bias + h @ out.weight.t())[None]
    expected = -minus_E.flatten(1).logsumexp(1)
    torch.testing.assert_close(algorithm.energy_of(0, v), expected)
