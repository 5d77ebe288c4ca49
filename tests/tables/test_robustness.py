"""The robustness board from made files: means by hand, masking, published numbers beside."""

import csv
import io
import json
import math

import pytest

from benchmark.errors import UserError
from benchmark.suite.records import records, robustness
from benchmark.suite.tables import write_robustness
from tests.records.conftest import identified, make_record

EPS = 0.03103


def point(attack, strength, through, acc, **more):
    return {"attack": attack, "strength": strength, "through": through, "acc": acc, **more}


def measured_of(record, clean, own, true, square):
    points = [
        point("pgd", EPS, "true", true),
        point("square", EPS, "scores", square, queries=50, queries_mean=20.5),
        point("contrast", 0.3, "nothing", 60.0),
        point("contrast", 0.5, "nothing", 70.0),
    ]
    points += [point("pgd", EPS, "own", own)] if own is not None else []
    return {
        "schema": 1, "row_hash": record["row_hash"], "seed": record["seed"],
        "weights_sha256": record["weights_sha256"], "images": 500, "clean_acc": clean,
        "points": points, "environment": {"device": "cpu"}, "finished": "2026-11-29T00:00:00Z",
    }  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """bp and fa on cifar10, two seeds each and one of fa that ended at chance."""
    cifar = {"dataset.name": "cifar10", "row.data.name": "cifar10"}
    for seed, accs in enumerate([(80.0, None, 2.0, 40.0), (82.0, None, 4.0, 46.0)]):
        record = identified(make_record(cifar, seed=seed, weights_sha256=f"a{seed}"))
        records.save(tmp_path, record)
        robustness.save(tmp_path, record, measured_of(record, *accs))
    for seed, accs in enumerate([(70.0, 60.0, 1.0, 30.0), (74.0, 66.0, 3.0, 34.0), (10, 9, 9, 9)]):
        changes = cifar | {"row.algorithm.name": "fa", "metrics.test_acc": accs[0]}
        record = identified(make_record(changes, seed=seed, weights_sha256=f"b{seed}"))
        records.save(tmp_path, record)
        robustness.save(tmp_path, record, measured_of(record, *accs))
    return tmp_path


def lines(results):
    table = csv.DictReader(io.StringIO((results / "robustness.csv").read_text()))
    return {(x["algorithm"], x["attack"], x["strength"], x["through"]): x for x in table}


def test_means_and_deviations(results):
    assert write_robustness(results) == 5
    table = lines(results)
    bp = table["bp", "pgd", f"{EPS}", "true"]
    assert (bp["acc_mean"], bp["acc_sd"], bp["n_seeds"]) == ("3.00", f"{math.sqrt(2):.2f}", "2")
    fa = table["fa", "none", "0", ""]
    assert (fa["acc_mean"], fa["n_seeds"], fa["n_failed"]) == ("72.00", "3", "1")
    square = table["fa", "square", f"{EPS}", "50 queries"]
    assert (square["acc_mean"], square["queries_mean"]) == ("32.00", "20.50")
    assert ("bp", "pgd", f"{EPS}", "own") not in table


def test_the_page(results):
    write_robustness(results)
    page = (results / "robustness.md").read_text()
    assert "| bp (2)" in page and "| fa (3, 1 failed)" in page
    assert (
        "63.0 % through its own feedback and 2.0 % through the true gradient: 61.0 points" in page
    )
    assert "Square leaves 32.0 %" in page and "`bp`: at" not in page
    assert page.index("contrast 0.5") < page.index("contrast 0.3")
    beside = [line for line in page.splitlines() if "50 queries; 500 test images" in line]
    assert any("| bp " in x and "| 46.4" in x and "| 43.0 ± 4.2" in x for x in beside)
    assert any("| fa " in x and "| 32.4" in x and "| 32.0 ± 2.8" in x for x in beside)
    assert len(beside) == 2  # at other strengths and under other attacks nothing is measured


def test_seeds_on_other_numbers_of_images_are_refused(results):
    (path,) = (results / "robustness").glob("*-fa-*-s1.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"images": 400}))
    with pytest.raises(UserError, match=r"\[400, 500\] images"):
        write_robustness(results)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"clean_acc": 101.0}, "clean_acc"),
        ({"points": [point("pgd", 0.1, "true", 71.0)]}, "above the 70.0 without attack"),
        ({"points": [point("pgd", 0.1, "true", 1.0)] * 2}, "stands 2 times"),
        ({"points": [point("square", 0.1, "scores", 1.0)]}, "queries go with scores"),
        ({"points": [point("pgd", 0.1, "bp", 1.0)]}, "no source"),
        ({"points": [point("cw", 0.1, "true", 1.0)]}, "attack"),
        ({"seed": None}, "seed"),
    ],
)
def test_a_broken_file_is_named_in_one_line(results, change, words):
    (path,) = (results / "robustness").glob("*-fa-*-s0.json")
    broken = json.loads(path.read_text()) | change
    path.write_text(json.dumps(broken))
    with pytest.raises(UserError, match=words) as error:
        write_robustness(results)
    assert path.name in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(ValueError, match=words):
        robustness.save(results, make_record(row_hash="0" * 12), broken)


def test_it_is_written_once(results):
    record = next(r for r in records.load(results) if r["row"]["algorithm"]["name"] == "fa")
    again = measured_of(record, 70.0, 50.0, 1.0, 30.0)
    with pytest.raises(UserError, match="written once"):
        robustness.save(results, record, again)
    path = robustness.save(results, record, again, overwrite=True)
    assert json.loads(path.read_text()) == again
    (results / "robustness" / "other.json").write_text(path.read_text())
    with pytest.raises(UserError, match="another file holds this run"):
        robustness.load(results)
