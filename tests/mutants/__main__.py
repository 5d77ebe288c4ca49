"""``make mutants``: plant each defect in a copy of the tree and see whether its tests notice.

Exit code 1 where one survives, where its text is not there once, or where the tests do not pass
without it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tabulate import tabulate

from tests.mutants.defects import DEFECTS, Defect

ROOT = Path(__file__).parents[2]
NEEDED = ("benchmark", "configs", "tests", "results/published", "results/records")
WORKERS = 2
OUTCOMES = {0: "SURVIVED", 1: "caught"}  # by pytest's exit code; all others: the tests broke down


def main() -> int:
    """Print what became of each defect; 0 where the tests are sound and notice all."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for n in range(WORKERS):
            trees.put(copied(Path(folder) / str(n)))
        sound = pool.submit(judged, None, trees)
        outcomes = list(pool.map(lambda defect: judged(defect, trees), DEFECTS))
    lines = [(d.name, d.file, outcome) for d, outcome in zip(DEFECTS, outcomes, strict=True)]
    print(tabulate(lines, ["defect", "file", "outcome"]))
    caught = outcomes.count("caught")
    print(f"{caught} of {len(DEFECTS)} caught, {time.monotonic() - begin:.0f} s")
    if sound.result() != "SURVIVED":
        print("these tests do not pass without a defect either: mend them first")
        return 1
    return int(caught < len(DEFECTS))


def judged(defect: Defect | None, trees: SimpleQueue[Path]) -> str:
    """What the tests say of a defect; of none, what all of them together say."""
    tree = trees.get()
    try:
        if defect is None:
            return tested(tree, {test for d in DEFECTS for test in d.tests.split()})
        path = tree / "benchmark" / defect.file
        source = path.read_text()
        if source.count(defect.old) != 1:
            return f"its text stands there {source.count(defect.old)} times"
        path.write_text(source.replace(defect.old, defect.new))
        try:
            return tested(tree, defect.tests.split())
        finally:
            path.write_text(source)
    finally:
        trees.put(tree)


def tested(tree: Path, tests: Iterable[str]) -> str:
    """How these tests end in a tree. No bytecode is kept: it would outlive the line it is of."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = os.environ | {
        "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"
    }  # fmt: skip
    done = subprocess.run(
        [*command, *(f"tests/{test}" for test in sorted(tests))],
        cwd=tree, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    return OUTCOMES.get(done.returncode, f"the tests broke down ({done.returncode})")


def copied(tree: Path) -> Path:
    """A copy of what the tests need."""
    for name in NEEDED:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


if __name__ == "__main__":
    sys.exit(main())
