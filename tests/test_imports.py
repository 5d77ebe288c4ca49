"""Imports run one way: report needs no torch, the mathematics no Lightning, none runs upwards."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "benchmark"
BELOW = {  # room -> rooms it may import from, beside errors, registry and streams
    "credit": {"credit", "networks"},
    "networks": {"networks"},
    "data": {"data"},
    "report": {"report"},
    "algorithms": {"algorithms", "algorithm", "credit", "networks", "optim", "measure"},
}
COMMON = {"errors", "registry", "streams"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("room", BELOW)
def test_rooms_import_downwards_only(room):
    for path in (PACKAGE / room).glob("*.py"):
        for module in imports(path):
            parts = module.split(".")
            if parts[0] == "benchmark" and len(parts) > 1:
                assert parts[1] in BELOW[room] | COMMON, f"{path.name} imports {module}"
            assert not (room in ("credit", "networks") and parts[0] == "lightning"), path
            assert not (room == "report" and parts[0] in ("torch", "lightning")), path


def test_the_library_never_imports_the_suite():
    for path in PACKAGE.rglob("*.py"):
        if PACKAGE / "suite" not in path.parents and path.name != "cli.py":
            assert not any(m.startswith("benchmark.suite") for m in imports(path)), path


def test_the_tables_import_only_tables_and_reports():
    for path in (PACKAGE / "suite" / "tables").glob("*.py"):
        for module in imports(path):
            assert module.split(".")[0] not in ("torch", "lightning"), path
            if module.startswith("benchmark."):
                room = module.removeprefix("benchmark.").removeprefix("suite.").split(".")[0]
                assert room in {"tables", "report"} | COMMON, f"{path.name} imports {module}"
