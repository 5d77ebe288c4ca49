"""A record or a study, whatever it holds, makes its tables or one line that names the file."""

import json
import math
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import UserError
from benchmark.suite.records import records, studies
from benchmark.suite.records.places import ROOT
from benchmark.suite.records.schema import hash_of
from benchmark.suite.tables.boards import rows_table, to_csv, to_page, to_readme
from benchmark.suite.tables.cells import rows_by_cell
from benchmark.suite.tables.equal_board import write_equal
from benchmark.suite.tables.leaderboard import leaderboard
from benchmark.suite.tables.page import charts
from benchmark.suite.tables.page.runs import Runs, board
from tests.fuzz.inputs import BYTES, TEXTS, TREES, as_json, damaged, mutated
from tests.records.conftest import RECORD, identified

REAL = [json.loads(path.read_bytes()) for path in (ROOT / "results/records").glob("*-s0.json")
        if path.stat().st_size < 12_000][:6]  # fmt: skip
STUDY = {
    "schema": 1, "title": "study", "row": RECORD["row"] | {"variant": "equal"}, "seeds": [1000],
    "space": {"optim.lr": "0.001:1:log", "network.activation": "relu,tanh"}, "search_seed": 0,
    "trials": [
        {"setting": {"optim.lr": 0.1, "network.activation": "tanh"}, "row_hash": "0" * 12,
         "status": "ok", "val_acc": 97.0, "finished": "2026-01-02T00:00:00Z", "environment": {}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "results"
    for name in ("records", "tune"):
        (folder / name).mkdir(parents=True)
    return folder


def files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def tables_or_one_line(results, content):
    """All tables of one record, or a line with its name; and nothing is written."""
    path = results / "records" / "mutant-000000000000-s0.json"
    path.write_bytes(content)
    before = files(results.parent)
    try:
        loaded = records.load(results)
    except UserError as error:
        assert path.name in str(error) and "\n" not in str(error)
        return None
    finally:
        path.unlink()
    assert Path(records.file_name(loaded[0])).name == records.file_name(loaded[0])
    try:
        frame = leaderboard(loaded)
        rows_by_cell(loaded)
        drawn(Runs({path: loaded[0]}))
    except UserError as error:  # an unknown published cell
        assert "\n" not in str(error)
        return None
    page, readme = to_page(frame), to_readme(frame)
    to_csv(frame), rows_table(frame, list(frame["row_hash"]))
    after = files(results.parent)
    assert after == before - {path.relative_to(results.parent)}
    return page + readme


def drawn(runs):
    """What the web page shows of runs: tables, and drawings whose places are numbers."""
    board(list(runs.rows.values()), "rows")
    for row in runs.rows.values():
        row.seeds(), row.settings()
        for chart in [
            charts.curves("", [row]),
            *charts.angles("", row),
            charts.costs("", "", [row] * 2, {row.hash: row.line["seconds"]}, {row.hash}),
        ]:
            for line in chart.lines if chart else ():
                places = [*line.points, *line.band, *line.marks, line.end, (line.label, 0)]
                assert all(map(math.isfinite, chain.from_iterable(places)))


@given(st.sampled_from(REAL).flatmap(mutated))
def test_changed_records(results, content):
    tables_or_one_line(results, as_json(content))


@given(mutated(RECORD).map(as_json) | mutated(identified(RECORD)).map(as_json))
def test_changed_records_with_and_without_identity(results, content):
    tables_or_one_line(results, content)


@given(st.sampled_from(REAL).flatmap(lambda record: damaged(as_json(record))))
def test_damaged_records(results, content):
    tables_or_one_line(results, content)


@given(TREES.map(as_json) | BYTES)
def test_anything_is_no_record(results, content):
    assert tables_or_one_line(results, content) is None


PLACES = ["variant", "algorithm", "network", "data", "activation", "device", "option"]


@given(TEXTS, st.sampled_from(PLACES))
def test_text_in_a_record_stays_in_its_cell(results, text, place):
    """The page has as many lines and columns as with plain text, and no tag or mark of its own."""
    page = tables_or_one_line(results, as_json(labelled(place, text)))
    if page is None:
        return
    assert list(map(columns, page.splitlines())) == plain_columns(results, place)
    for tag in ("<script", "<!--", "\x1b"):
        assert tag not in page


@cache
def plain_columns(results, place):
    plain = tables_or_one_line(results, as_json(labelled(place, "plain")))
    return list(map(columns, plain.splitlines()))


def columns(line: str) -> int:
    return line.replace("\\\\", "").replace("\\|", "").count("|")


def labelled(place, text):
    """A record with some text at one of its places."""
    record = json.loads(json.dumps(RECORD))
    row = record["row"]
    if place == "variant":
        row["variant"] = text
    elif place == "activation":
        row["network"]["activation"] = text
    elif place == "option":
        row["network"]["hidden"] = [text, "b"]
    elif place == "device":
        record["environment"]["device_name"] = text
    else:
        row[place]["name"] = text
        record["dataset"]["name"] = row["data"]["name"]
    return record


@given(st.dictionaries(TEXTS, TREES, max_size=3))
def test_a_hash_that_is_not_the_rows_is_refused(results, identity):
    content = {**RECORD, "identity": identity}
    try:
        assert hash_of(identity) != RECORD["row_hash"]
    except (TypeError, ValueError):
        return
    assert tables_or_one_line(results, as_json(content)) is None


def board_or_one_line(results, content):
    path = results / "tune" / "study.json"
    path.write_bytes(content)
    try:
        write_equal(results)
    except UserError as error:
        assert path.name in str(error) and "\n" not in str(error)
    finally:
        path.unlink()
    kept = {"records", "tune", "tables", "tables/equal.csv", "tables/equal.md"}
    assert {str(path) for path in files(results)} <= kept


@given(mutated(STUDY))
def test_changed_studies(results, content):
    board_or_one_line(results, as_json(content))


@given(damaged(as_json(STUDY)) | TREES.map(as_json) | BYTES)
def test_damaged_studies(results, content):
    board_or_one_line(results, content)


def test_these_records_and_the_study_are_read(results):
    """Else the mutations would test nothing."""
    assert len(REAL) > 2
    for record in [*REAL, identified(RECORD)]:
        assert tables_or_one_line(results, as_json(record))
    path = results / "tune" / "study.json"
    path.write_bytes(as_json(STUDY))
    assert studies.load(results) and "mnist" in write_equal(results)
    path.unlink()
