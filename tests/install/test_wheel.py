"""The wheel is whole: unpacked elsewhere, it lists and trains, far from the checkout."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmark.algorithms import _template
from benchmark.suite.records.places import CHECKOUT, CONFIGS, PUBLISHED

ROOT = Path(__file__).parents[2]
NEEDED = ("benchmark", "configs", "results/published")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
BOTH = "import sys; from benchmark.cli import main; main(['list']); main(sys.argv[1:])"
missing = [name for name in ("setuptools", "pip") if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"a wheel cannot be built without {missing}")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The wheel's content, in a folder under some other project's git."""
    folder = tmp_path_factory.mktemp("build")
    source, site = folder / "source", folder / "project" / "site"
    for name in NEEDED:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-q", "-w", folder, source], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    git = ["git", "-c", "user.name=n", "-c", "user.email=e", "-C", site.parent]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "another project"]):
        subprocess.run([*git, *command], check=True)
    return site


def test_every_config_and_published_number_is_in_it(site):
    assets = site / "benchmark" / "suite" / "assets"
    for ours, built in ((CONFIGS, assets / "configs"), (PUBLISHED, assets / "results/published")):
        files = {path.relative_to(ours) for path in ours.rglob("*") if path.is_file()}
        assert {path.relative_to(built) for path in built.rglob("*") if path.is_file()} == files
        assert all((built / file).read_bytes() == (ours / file).read_bytes() for file in files)
    for kind in ("*.py", "*.j2", "*.css", "*.js"):
        files = {path.relative_to(ROOT) for path in (ROOT / "benchmark").rglob(kind)}
        assert files and files == {p.relative_to(site) for p in (site / "benchmark").rglob(kind)}
    assert CHECKOUT == ROOT


def test_it_lists_and_trains_from_another_folder(site, tmp_path):
    """An own rule beside backprop; the records name no commit, for there is none.

    The current folder is not on the path, as in the script that pip installs (``-P``).
    """
    shutil.copy(Path(_template.__file__), tmp_path / "mine.py")
    tiny = ["--epochs=1", "--seeds=1", "--network.hidden=[8]", "--workers=1"]
    bench = ["bench", "--algorithm=mine:Template", *tiny]
    done = subprocess.run(
        [sys.executable, "-P", "-c", BOTH, *bench], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "  dfa " in done.stdout and "mine:Template" in done.stdout
    records = [json.loads(p.read_text()) for p in (tmp_path / "results/records").iterdir()]
    assert {r["row"]["algorithm"]["name"] for r in records} == {"bp", "mine:Template"}
    assert "configs/bench/bp.yaml" in [r["origin"].get("baseline") for r in records]
    for record in records:
        assert record["environment"]["commit"] is None and record["environment"]["version"]
