"""The equal-budget board is a function of studies and records, and counts what failed."""

import csv

import pytest

from benchmark.errors import UserError
from benchmark.suite.records import records, studies
from benchmark.suite.tables import write_boards
from benchmark.suite.tables.equal_board import COLUMNS, write_equal
from tests.records.conftest import identified, make_record

TEST = {  # rule -> accuracies of the seeds 0, 1, ..; None is a seed that diverged
    "bp": [98.0, 98.2, 98.1],
    "dfa": [97.0, 97.3, 97.1],
    "fa": [97.5, None, 11.0],
}


def study(rule, chosen, when="2026-01-02T00:00:00Z"):
    trials = [
        {
            "setting": {"optim.lr": lr},
            "row_hash": h,
            "status": "ok",
            "val_acc": acc,
            "finished": when,
        }
        for lr, h, acc in ((0.1, "e" * 12, 90.0), (chosen, rule_hash(rule), 97.0))
    ]
    row = make_record({"row.algorithm.name": rule, "row.variant": "equal"})["row"]
    return {
        "schema": 1, "title": f"mnist-mlp-{rule}-equal-x", "row": row, "seeds": [1000],
        "space": {"optim.lr": "0.001:1:log"}, "search_seed": 0, "trials": trials,
    }  # fmt: skip


def rule_hash(rule):
    return identified(of_rule(rule))["row_hash"]


def of_rule(rule, fields=None, **top):
    return make_record({"row.algorithm.name": rule} | (fields or {}), **top)


@pytest.fixture
def results(tmp_path):
    for rule, accuracies in TEST.items():
        studies.save(tmp_path, study(rule, chosen=0.002 if rule == "dfa" else 0.1 + 1e-3))
        for seed, acc in enumerate(accuracies):
            lost = {} if acc else {"status": "diverged", "metrics": {}}
            fields = {"metrics.test_acc": acc, "metrics.val_acc": acc}
            records.save(tmp_path, identified(of_rule(rule, fields, seed=seed) | lost))
    trial = of_rule("bp", {"metrics.test_acc": 5.0}, seed=1000)
    records.save(tmp_path, identified(trial))
    return tmp_path


def written(results):
    write_equal(results)
    with (results / "tables" / "equal.csv").open() as file:
        return {line["algorithm"]: line for line in csv.DictReader(file)}


def test_the_csv(results):
    lines = written(results)
    assert list(lines) == ["bp", "dfa", "fa"]
    assert list(lines["bp"]) == COLUMNS
    bp, dfa, fa = lines.values()
    assert (bp["trials"], bp["n_seeds"], bp["n_failed"]) == ("2", "3", "0")  # seed 1000 left out
    assert (bp["test_acc_mean"], bp["test_acc_sd"], bp["diff_bp"]) == ("98.100", "0.100", "")
    # differences -1.0, -0.9, -1.0: mean -0.9667, sd 0.0577, t(2) = 4.303
    assert (dfa["diff_bp"], dfa["diff_ci95"]) == ("-0.967", "0.143")
    assert float(dfa["p_holm"]) == pytest.approx(0.0012, rel=0.05)  # Holm over one p value
    assert (fa["n_seeds"], fa["n_failed"], fa["test_acc_mean"]) == ("3", "2", "97.500")
    assert (fa["diff_bp"], fa["diff_ci95"], fa["p_holm"]) == ("-0.500", "", "")


def test_the_page_says_the_edge_and_regenerates(results):
    write_equal(results)
    page = (results / "tables" / "equal.md").read_text()
    dfa = next(line for line in page.splitlines() if line.startswith("| dfa"))
    fa = next(line for line in page.splitlines() if line.startswith("| fa"))
    assert "0.001" not in fa and "edge" not in fa
    assert "optim.lr at 0.001" not in dfa  # 10 % off the end: no edge
    assert "97.13 ± 0.15" in dfa and "3 (2)" in fa
    before = page, (results / "tables" / "equal.csv").read_bytes()
    write_equal(results)
    again = (results / "tables" / "equal.md").read_text()
    assert before == (again, (results / "tables" / "equal.csv").read_bytes())


def test_a_value_at_the_end_of_its_range_is_said(results):
    studies.save(results, study("dfa", chosen=0.0011))
    write_equal(results)
    assert "optim.lr at 0.001" in (results / "tables" / "equal.md").read_text()


@pytest.mark.parametrize("title", ["a", "z"])  # before and after the other in the folder
def test_of_two_studies_of_a_rule_the_newer_counts(results, title):
    older = study("dfa", chosen=0.0011, when="2026-01-01T00:00:00Z") | {"title": title}
    studies.save(results, older)
    write_equal(results)
    page = (results / "tables" / "equal.md").read_text()
    assert page.count("| dfa") == 1 and "optim.lr at 0.001" not in page


def test_the_chosen_settings_and_failed_trials_are_said(results):
    lost = study("dfa", chosen=0.05)
    lost["trials"][0]["status"] = "at chance"
    studies.save(results, lost)
    said = "- dfa: optim.lr 0.05; 1 of 2 trials diverged or ended at chance."
    assert said in write_equal(results).splitlines()


@pytest.mark.parametrize(
    ("option", "value", "edge"),
    [("log", 0.011, True), ("log", 0.02, False), ("log", 0.98, True), ("lin", 0.07, False),
     ("lin", 0.05, True), ("int", 9, False), ("int", 10, True), ("choice", "a", False)],
)  # fmt: skip
def test_edges_of_ranges(option, value, edge):
    space = {"log": "0.01:1:log", "lin": "0.01:1", "int": "1:10", "choice": "a,b"}[option]
    found = studies.at_the_edge({"space": {"x": space}}, {"setting": {"x": value}})
    assert bool(found) == edge


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"schema": 2}, "schema: Invalid enum value 2"),
        ({"space": None}, "space: Expected `object`"),
        ({"trials": []}, "trials: Expected `array` of length >= 1"),
        ({"space": {"other": "0:1"}}, "trial 0 does not set"),
        ({"space": {"optim.lr": "1:0"}}, "the space of optim.lr is '1:0', neither"),
        ({"space": {"optim.lr": "0:1:log"}}, "the space of optim.lr is '0:1:log', neither"),
        ({"space": {"optim.lr": "0.2:1"}}, "trial 0 sets optim.lr to 0.1, outside 0.2:1"),
        ({"trials": [{"setting": {"optim.lr": 1}, "status": "fine"}]}, "trials"),
    ],
)
def test_a_broken_study_is_one_line(tmp_path, fault, said):
    path = studies.save(tmp_path, study("bp", chosen=0.1) | fault)
    with pytest.raises(UserError, match=said) as error:
        studies.load(tmp_path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_study_of_another_title_than_its_file_is_refused(tmp_path):
    path = studies.save(tmp_path, study("bp", chosen=0.1))
    path.rename(path.with_name("other.json"))
    with pytest.raises(UserError, match=r"other\.json: it is titled mnist-mlp-bp-equal-x"):
        studies.load(tmp_path)


def test_one_table_is_printed_where_it_is_asked_for(results):
    assert "mnist" in write_equal(results, "mnist")
    assert write_equal(results, "cifar10") == ""


def test_the_readme_has_the_board_in_brief(results, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- equal:start -->\nold\n<!-- equal:end -->\nb\n")
    write_boards(results, readme)
    text = readme.read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["rule", "test accuracy", "minus bp", "p"] in rows and "old" not in text
    (bp,) = (row for row in rows if row[:1] == ["bp"])
    assert bp[1].endswith("(3)") and bp[2:] == ["", ""]
    assert (results / "tables" / "equal.csv").exists()
    assert not (results / "tables" / "depth.csv").exists()
