"""The table of accuracy against depth, from made studies and records."""

import csv

import pytest

from benchmark.suite.records import records, studies
from benchmark.suite.tables.depth_board import points, write_depth
from benchmark.suite.tables.depth_plot import depth_plots
from tests.records.conftest import identified, make_record

TEST = {("bp", 1): [97.0, 98.0], ("bp", 4): [98.0, 99.0], ("fa", 4): [90.0, None]}


def fields(rule, depth):
    hidden = {"row.network.hidden": [128] * depth}
    return {"row.algorithm.name": rule, "row.variant": "depth", **hidden}


@pytest.fixture
def results(tmp_path):
    for (rule, depth), accuracies in TEST.items():
        made = [
            identified(make_record(fields(rule, depth) | {"metrics.test_acc": acc}, seed=seed))
            | ({} if acc else {"status": "diverged", "metrics": {}, "curve": []})
            for seed, acc in enumerate(accuracies)
        ]
        trial = identified(make_record(fields(rule, depth) | {"metrics.test_acc": 5.0}, seed=1000))
        for record in (*made, trial):
            records.save(tmp_path, record)
        tried = {
            "setting": {"optim.lr": 0.1}, "row_hash": made[0]["row_hash"], "status": "ok",
            "val_acc": 97.0, "finished": "2026-01-02T00:00:00Z",
        }  # fmt: skip
        study = {
            "schema": 1, "title": f"mnist-mlp-{rule}-depth-{depth}", "row": made[0]["row"],
            "seeds": [1000], "space": {"optim.lr": "0.001:1:log"}, "search_seed": 0,
            "trials": [tried],
        }  # fmt: skip
        studies.save(tmp_path, study)
    return tmp_path


def test_by_hand(results):
    page = write_depth(results)
    assert write_depth(results, "cifar10") == ""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    assert ["rule", "1", "4"] in rows
    assert ["bp", "97.50 ± 0.71 (2)", "98.50 ± 0.71 (2)"] in rows  # the trial's seed is left out
    assert ["fa", "", "90.00 (2, 1 failed)"] in rows
    with (results / "tables" / "depth.csv").open() as file:
        lines = {(line["algorithm"], line["depth"]): line for line in csv.DictReader(file)}
    assert lines["fa", "4"]["n_failed"] == "1" and lines["fa", "4"]["test_acc_mean"] == "90.000"
    first = (results / "tables" / "depth.md").read_text()
    write_depth(results)
    assert (results / "tables" / "depth.md").read_text() == first


def test_the_figure_has_a_panel_for_each_family(results):
    drawn = dict(depth_plots(points(studies.load(results), records.load(results))))
    assert set(drawn) == {"depth-mnist-mlp.png", "depth-mnist-mlp.svg"}
    text = drawn["depth-mnist-mlp.svg"].decode()
    assert "feedback alignment" in text and ">fa<" in text and ">bp<" in text
    assert drawn == dict(depth_plots(points(studies.load(results), records.load(results))))
