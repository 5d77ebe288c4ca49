"""The equal-budget board from the first trial to its tables, on a tiny budget."""

import csv
from dataclasses import dataclass

import pytest

from benchmark.algorithms import ALGORITHMS
from benchmark.cli import main
from benchmark.suite.launch import board, equal
from benchmark.suite.records import records, studies
from benchmark.suite.run.search import Search

RULES = ("bp", "dfa", "ep")
BUDGET = [
    "--data.batch_size=128", "--data.val_size=500", "--epochs=1", "--variant=equal",
    "--machine.accelerator=cpu",
]  # fmt: skip


@pytest.fixture
def tiny(monkeypatch):
    """Three rules on mnist5k, one epoch of 16 hidden units."""
    monkeypatch.setattr(equal, "ALGORITHMS", {name: ALGORITHMS[name] for name in RULES})
    monkeypatch.setattr(equal, "TABLES", {"mnist5k": equal.Table("mnist5k")})
    monkeypatch.setattr(equal, "BUDGET", BUDGET)
    small = {
        name: equal.Net(["--network.hidden=[16]", *net.options[1:]], net.searched)
        for name, net in equal.NETS.items()
    }
    monkeypatch.setattr(equal, "NETS", small)


def command(results, *more):
    return ["table", "--paper=equal", "--workers=1", f"--results={results}", *more]


def csv_of(results):
    with (results / "tables" / "equal.csv").open() as file:
        return {line["algorithm"]: line for line in csv.DictReader(file)}


def test_from_the_first_trial_to_the_board_and_only_once(tiny, tmp_path, monkeypatch, capsys):
    assert main(command(tmp_path, "--trials=2", "--seeds=2")) == 0
    made = {study["row"]["algorithm"]["name"]: study for study in studies.load(tmp_path)}
    assert set(made) == set(RULES)
    for study in made.values():
        assert len(study["trials"]) == 2 and study["seeds"] == [equal.TRIAL_SEED]
        assert {"commit", "torch"} <= set(study["trials"][0]["environment"])
    runs = records.load(tmp_path)
    assert {(r["row"]["algorithm"]["name"], r["seed"], r["row_hash"]) for r in runs} == {
        (name, seed, studies.best(study)["row_hash"])
        for name, study in made.items()
        for seed in (0, 1)
    }
    assert runs[0]["origin"]["config"].startswith("configs/bench/")
    lines = csv_of(tmp_path)
    assert all((line["trials"], line["n_seeds"]) == ("2", "2") for line in lines.values())
    assert lines["ep"]["network"] == "hopfield" and lines["ep"]["diff_bp"]
    monkeypatch.setattr(Search, "judge", lambda *_: pytest.fail("searched again"))
    monkeypatch.setattr("benchmark.suite.launch.job.run", lambda *_: pytest.fail("ran again"))
    assert main(command(tmp_path, "--trials=2", "--seeds=2")) == 0
    assert csv_of(tmp_path) == lines


@dataclass(frozen=True)
class FailingDFA(board.TuneJob):
    def run(self, results):
        if self.entry.names.algorithm == "dfa":
            raise ValueError("a bug")
        super().run(results)


def test_a_failed_study_is_named_and_stops_no_other(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(board, "TuneJob", FailingDFA)
    assert main(command(tmp_path, "--trials=1", "--seeds=1")) == 2
    assert set(csv_of(tmp_path)) == {"bp", "ep"}
    assert "search mnist5k-mlp-dfa-equal: ValueError: a bug" in capsys.readouterr().err
    monkeypatch.undo()


def test_trials_share_no_seed_with_runs_and_every_rule_has_as_many():
    for name, rules in equal.entries().items():
        left_out = {"cd", "classrbm"} if name.endswith("conv") else set()  # no machines of maps
        assert {rule.names.algorithm for rule in rules} == set(
            ALGORITHMS
        ) - left_out - equal.TWINS, name
    assert equal.TRIAL_SEED not in range(100)


@pytest.mark.parametrize(
    ("table", "entry"),
    [
        (table, entry)
        for table, entries in equal.entries().items()
        for entry in entries[: None if table == "mnist" or table.endswith("conv") else 1]
    ],
    ids=lambda case: case if isinstance(case, str) else case.names.algorithm,
)
def test_every_rule_has_a_space_around_its_start(table, entry):
    search = entry.search()
    row = search.start_row
    assert row.epochs == 10 and row.variant == "equal"
    assert (row.data["batch_size"], row.data["val_size"]) == (128, 5000)
    widths = row.network.get("hidden") or row.network["channels"]
    assert widths == ([16, 32, 64] if table.endswith("conv") else [256, 256, 256])
    assert search.text and search.seeds == [equal.TRIAL_SEED]
    assert "optim.lr" in search.text or entry.names.algorithm == "ga"  # which has no rate


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--only=mnits"], "did you mean mnist"),
        (["--trials=0"], "trials is 0"),
        (["--seeds=0"], "seeds: give how many"),
        (["--epochs=1"], "--epochs would change"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, capsys, args, said):
    assert main(command(tmp_path, *args)) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1 and said in message
    assert not list(tmp_path.iterdir())
