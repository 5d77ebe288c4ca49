"""Imports run one way: each room knows those below it, and no other."""

import ast
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

import benchmark.speed

PACKAGE = Path(__file__).parents[1] / "benchmark"
ALL = {"errors", "options", "registry", "streams", "traits"}
LIBRARY = {
    "credit", "networks", "data", "engine", "measure", "algorithm", "algorithms", "population"
}  # fmt: skip
BELOW = {  # room -> rooms that it may import from, beside its own and ALL
    "errors": set(),
    "options": set(),
    "registry": set(),
    "streams": set(),
    "traits": set(),
    "networks": set(),
    "credit": {"networks"},
    "data": set(),
    "tasks": set(),
    "speed": set(),
    "engine": {"credit", "networks", "speed"},
    "algorithm": {"credit", "networks", "engine"},
    "measure": {"credit", "networks", "engine"},
    "algorithms": {"algorithm", "credit", "networks", "engine"},
    "population": {"algorithm", "data", "engine"},
    "suite.records": set(),
    "suite.tables": {"suite.records"},
    "suite.rows": {*LIBRARY, "suite.records"},
    "suite.run": {*LIBRARY, "suite.records", "suite.rows"},
    "suite.perf": {*LIBRARY, "suite.records", "suite.rows", "suite.run"},
    "suite.theory": LIBRARY,
    "suite.evolve": {
        *LIBRARY,
        "tasks",
        "suite.records",
        "suite.rows",
        "suite.run",
        "suite.tables",
    },
    "suite.launch": {*LIBRARY, "suite.records", "suite.rows", "suite.run", "suite.tables"},
}
WITHOUT = {  # room -> packages that it does without
    **dict.fromkeys(("credit", "networks", "speed"), frozenset({"lightning"})),
    **dict.fromkeys(("tasks", "suite.records", "suite.tables"), frozenset({"lightning", "torch"})),
}
FACE = {"__init__", "__main__", "cli"}  # may import all


def room_of(parts):
    return ".".join(parts[:2]) if parts[0] == "suite" else parts[0]


def files():
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in FACE:
            yield path, room_of(parts)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def faults(path, room):
    for module in imports(path):
        package, *parts = module.split(".")
        if package == "benchmark" and parts:
            if room_of(parts) not in BELOW[room] | {room} | ALL:
                yield f"{path.relative_to(PACKAGE)} imports {module}"
        elif package in WITHOUT.get(room, ()):
            yield f"{path.relative_to(PACKAGE)} imports {module}"


@pytest.mark.parametrize("room", BELOW)
def test_a_room_imports_from_those_below_it(room):
    assert not [fault for path, of in files() if of == room for fault in faults(path, of)]


def test_every_file_is_in_a_room():
    rooms = {room for _, room in files()}
    assert rooms - {"suite.__init__"} == set(BELOW)


def importers_of(package):
    """Modules of other rooms that import a room."""
    inside = PACKAGE.parent / package.replace(".", "/")
    paths = [path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(inside)]
    found = [
        p for p in paths if any(m == package or m.startswith(f"{package}.") for m in imports(p))
    ]
    names = [".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts) for p in found]
    return [import_module(name) for name in names]


def test_speed_has_one_door():
    (importer,) = importers_of("benchmark.speed")
    assert importer.repeated is benchmark.speed.repeated and benchmark.speed.__all__ == ["repeated"]


def test_no_room_is_above_itself():
    for room in BELOW:
        above, seen = set(BELOW[room]), set()
        while above:
            seen |= above
            above = {under for one in above for under in BELOW[one]} - seen
        assert room not in seen


def test_no_two_files_have_one_name():
    names = Counter(path.name for path, _ in files() if path.name != "__init__.py")
    assert not [name for name, n in names.items() if n > 1]


def test_few_know_of_populations():
    """The room may be deleted: besides it, what runs a group and what makes it a job."""
    knowing = {module.__name__ for module in importers_of("benchmark.population")}
    assert knowing == {"benchmark.suite.run.group", "benchmark.suite.launch.grouping"}
