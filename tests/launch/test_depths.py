"""Accuracy against depth from the first trial to its tables, on a tiny budget."""

import csv

import pytest

from benchmark.cli import main
from benchmark.suite.launch import depths
from benchmark.suite.records import studies

BUDGET = [
    "--data.batch_size=128", "--data.val_size=500", "--epochs=1", "--variant=depth",
    "--machine.accelerator=cpu",
]  # fmt: skip


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(depths, "DATASETS", ("mnist5k",))
    monkeypatch.setattr(depths, "DEPTHS", (1, 2))
    monkeypatch.setattr(depths, "WIDTH", 16)
    monkeypatch.setattr(depths, "BUDGET", BUDGET)


def test_from_the_first_trial_to_the_tables(tiny, tmp_path, capsys):
    command = ["table", "--paper=depth", "--algorithm=dtp,bp", "--workers=1", "--trials=2"]
    assert main([*command, "--seeds=2", f"--results={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert "## mnist5k, plain" in said and "## mnist5k, residual" in said
    assert {len(study["trials"]) for study in studies.load(tmp_path)} == {2}
    with (tmp_path / "tables" / "depth.csv").open() as file:
        lines = list(csv.DictReader(file))
    asked = {(line["network"], line["depth"], line["algorithm"]) for line in lines}
    assert asked >= {(net, d, "bp") for net in ("mlp", "res_mlp") for d in "12"}
    assert ("mlp", "2", "dtp") in asked
    assert all(line["n_seeds"] == "2" and line["val_acc"] for line in lines)


def test_what_does_not_train_such_a_network_is_left_out():
    (rules,) = depths.entries("mnist", rules=["bp", "ep", "cd"]).values()
    assert {entry.names.algorithm for entry in rules} == {"bp"}
    hidden = {entry.search().start_row.network["hidden"].__len__() for entry in rules}
    assert hidden == {*depths.DEPTHS}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--paper=depth", "--only=mnst"], "no part 'mnst': did you mean mnist"),
        (["--paper=equal", "--algorithm=bpp"], "bpp"),
        (["--paper=nokland2016_dfa", "--algorithm=bp"], "boards equal and depth"),
    ],
)
def test_refused_in_one_line(options, words, capsys, tmp_path):
    assert main(["table", *options, f"--results={tmp_path}"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert words in said[-1] and not list(tmp_path.iterdir())
