"""The tutorial's code runs as it stands, in order, and ends with its figure."""

import re
from pathlib import Path

import matplotlib
import pytest
import torch

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_tutorial_runs(tmp_path, monkeypatch, one_thread):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    code = "\n".join(re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(), flags=re.DOTALL))
    made = {"__name__": "tutorial"}
    exec(compile(code, str(TUTORIAL), "exec"), made)
    assert set(made["curves"]) == {"BP", "DFA", "SignDFA"}
    assert all(curve.iloc[-1] > 90 for curve in made["curves"].values())
    assert (tmp_path / "tutorial.png").stat().st_size > 10_000
    assert (TUTORIAL.parent / "tutorial.png").exists()
