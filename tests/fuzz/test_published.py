"""The published numbers and the papers' tables are read whole, or one line names the file."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import UserError
from benchmark.suite.records.places import PUBLISHED
from benchmark.suite.records.published import cells, papers
from benchmark.suite.tables.manifest import TABLES, read
from tests.fuzz.inputs import BYTES, TEXTS, damaged, mutated

HEAD, *LINES = (PUBLISHED / "cells.csv").read_text().splitlines(keepends=True)
FEW = [HEAD, *LINES[:3]]
PAPERS = (PUBLISHED / "papers.csv").read_bytes()
MANIFEST = yaml.safe_load((TABLES / "lee2015_dtp.yaml").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("published")


def cells_or_one_line(folder, table, names):
    (folder / "cells.csv").write_bytes(table)
    (folder / "papers.csv").write_bytes(names)
    papers.cache_clear()
    cells.cache_clear()
    try:
        for cell in cells(folder).values():
            _ = cell.std_or_none, cell.n_or_none, cell.epochs_or_none, cell.source
    except UserError as error:
        assert ".csv" in str(error) and "\n" not in str(error)
    finally:
        papers.cache_clear()
        cells.cache_clear()


@given(damaged("".join(FEW).encode()) | BYTES)
def test_damaged_cells(folder, table):
    cells_or_one_line(folder, table, PAPERS)


@given(st.integers(0, 12), TEXTS)
def test_any_field_of_a_cell(folder, place, text):
    fields = LINES[0].rstrip("\n").split(",")
    fields[place] = '"' + text.replace('"', '""') + '"'
    cells_or_one_line(folder, (HEAD + ",".join(fields)).encode("utf-8", "surrogatepass"), PAPERS)


@given(damaged(PAPERS[:2000]) | BYTES)
def test_damaged_papers(folder, names):
    cells_or_one_line(folder, "".join(FEW).encode(), names)


def manifest_or_one_line(folder, content):
    (folder / "lee2015_dtp.yaml").write_bytes(content)
    try:
        assert read("lee2015_dtp", folder).tables
    except UserError as error:
        assert "lee2015_dtp.yaml" in str(error) and "\n" not in str(error)


@given(mutated(MANIFEST))
def test_changed_manifests(folder, content):
    manifest_or_one_line(folder, yaml.safe_dump(content).encode("utf-8", "replace"))


@given(damaged(yaml.safe_dump(MANIFEST).encode()) | BYTES)
def test_damaged_manifests(folder, content):
    manifest_or_one_line(folder, content)
