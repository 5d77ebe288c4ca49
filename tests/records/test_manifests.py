"""The manifests of the papers' tables: each cell stands in one place, each config measures it."""

from collections import Counter

import pytest
import yaml

from benchmark.suite.records.places import CONFIGS, PUBLISHED
from benchmark.suite.records.published import cells
from benchmark.suite.rows.parse import names_in, read_row

TABLES = {path.stem: path for path in sorted((PUBLISHED / "tables").glob("*.yaml"))}
COUNTS = ("generations", "evaluations", "hidden_nodes")
RATES = {
    name: cell
    for name, cell in cells().items()
    if cell.metric not in COUNTS and " to " not in cell.value
}


def tables(paper):
    return yaml.safe_load(TABLES[paper].read_text(encoding="utf-8"))["tables"]


def printed(paper):
    """The printed numbers of a paper, table by table."""
    for table in tables(paper):
        for row in table["rows"]:
            for place in row["cells"]:
                yield from place or []


def test_a_cell_stands_in_one_place():
    places = Counter(number["cell"] for paper in TABLES for number in printed(paper))
    assert [cell for cell, n in places.items() if n > 1] == []
    papers = {cell.paper_key for cell in RATES.values()} & TABLES.keys()
    assert places.keys() == {n for n, cell in RATES.items() if cell.paper_key in papers}


def test_every_paper_with_error_rates_has_tables():
    assert TABLES.keys() == {cell.paper_key for cell in RATES.values()}


@pytest.mark.parametrize("paper", TABLES)
def test_tables_are_whole(paper):
    assert yaml.safe_load(TABLES[paper].read_text(encoding="utf-8"))["paper"] == paper
    ids = [table["id"] for table in tables(paper)]
    assert len(ids) == len(set(ids))
    for table in tables(paper):
        labels = [row["label"] for row in table["rows"]]
        assert len(labels) == len(set(labels)) and all(isinstance(label, str) for label in labels)
        assert all(len(row["cells"]) == len(table["columns"]) for row in table["rows"])
    for number in printed(paper):
        assert number["cell"].startswith(f"{paper}/")


@pytest.mark.parametrize("paper", TABLES)
def test_a_config_measures_its_cell_within_the_papers_budget(paper):
    for number in printed(paper):
        expected = number.get("row", number["cell"])
        assert expected in cells()
        if "config" in number:
            path = CONFIGS / number["config"]
            row = read_row(names_in(path), path, [])
            assert row.published == expected, path
            budget = cells()[number["cell"]].epochs_or_none
            assert budget is None or row.epochs <= budget, path


@pytest.mark.parametrize("paper", TABLES)
def test_the_statistic_is_of_the_papers_kind(paper):
    kinds = {"train_err": "train_last", "test_acc_top5": "top5_last", "test_err_top5": "top5_last"}
    for number in printed(paper):
        kind, statistic = cells()[number["cell"]].metric, number.get("statistic", "test_last")
        assert statistic in (kinds[kind],) if kind in kinds else ("test_last", "test_best_val")


def test_a_cell_that_has_a_config_names_one():
    numbers = [number for paper in TABLES for number in printed(paper)]
    measured = {n.get("row", n["cell"]) for n in numbers if "config" in n}
    for path in sorted(CONFIGS.glob("*/*.yaml")):
        published = yaml.safe_load(path.read_text(encoding="utf-8")).get("published", "")
        if published.split("/")[0] in TABLES:
            assert published in measured, path
