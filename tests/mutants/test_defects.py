"""Every defect to plant still has its place, and its tests. ``make mutants`` plants them."""

import ast
from pathlib import Path

import pytest

from tests.mutants.defects import DEFECTS

ROOT = Path(__file__).parents[2]
each = pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)


@each
def test_its_text_stands_there_once(defect):
    source = (ROOT / "benchmark" / defect.file).read_text()
    assert source.count(defect.old) == 1
    ast.parse(source.replace(defect.old, defect.new))
    assert "\n" not in defect.old + defect.new


@each
def test_its_tests_are_there(defect):
    for test in defect.tests.split():
        file, _, name = test.partition("::")
        path = ROOT / "tests" / file
        assert path.exists() and (not name or f"def {name}(" in path.read_text())


def test_names_differ():
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 15
