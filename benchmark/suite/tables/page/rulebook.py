"""The rules as the package's source tells them: names, equations, traits. Read, not imported."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from pathlib import Path
from typing import NamedTuple

from benchmark.suite.records.reading import read_csv, read_text
from benchmark.suite.tables.plausibility import FILE

FOLDER = Path(__file__).resolve().parents[3] / "algorithms"


class Rule(NamedTuple):
    """A registered rule.

    Attributes:
        name: its id.
        file: its source, from the top of the project.
        title: the first line of its file.
        text: what its class says: the paper's equation, and what the symbols are.
        traits: name -> value, as ``algorithms.csv`` has them.
    """

    name: str
    file: str
    title: str
    text: str
    traits: dict[str, str]

    @property
    def family(self) -> str:
        return self.traits.get("family", "")


@cache
def rules() -> dict[str, Rule]:
    """All rules of the registry by name, in its order.

    Raises:
        UserError: a file of the package is missing or broken.
    """
    traits = {line["algorithm"]: line for line in read_csv(FILE, "the rules' traits")}
    return {
        name: _rule(name, module, cls, traits.get(name, {}))
        for name, (module, cls) in _registered(FOLDER / "__init__.py").items()
    }


def _registered(path: Path) -> dict[str, tuple[str, str]]:
    """Name -> module and class, from the imports and the one literal table of the registry."""
    tree = ast.parse(read_text(path, "the registry"))
    modules = {
        alias.name: node.module or ""
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (table,) = (node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    return {
        str(key.value): (modules[value.id], value.id)
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Name)
    }


def _rule(name: str, module: str, cls: str, traits: dict[str, str]) -> Rule:
    path = FOLDER / f"{module.rpartition('.')[2]}.py"
    tree = ast.parse(read_text(path, "the rule"))
    (node,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls)
    title = (ast.get_docstring(tree) or "").partition("\n")[0]
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    return Rule(name, f"benchmark/algorithms/{path.name}", title, text, traits)
