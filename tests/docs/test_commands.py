"""Every command that is documented (README, make help, the usage text) runs, at no cost.

What takes time is left out: training, timing, and the judgement of a search's settings.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from benchmark.cli import COMMANDS, USAGE, main
from benchmark.suite.launch.queue import Outcome
from benchmark.suite.rows.machine import Machine
from benchmark.suite.run.runner import run_folder
from benchmark.suite.run.search import Judged, Search

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
CONTINUED = re.compile(r"\\\n\s*")
RECORD = ROOT / re.findall(r"RECORD=(\S+)", README)[0]

HELP = [  # what `make help` names, if README does not have it
    "make bench ALGO=fa,dfa DATASET=mnist5k NETWORK=mlp SEEDS=2 EPOCHS=1 AGAIN=1 WORKERS=2",
    "make table PAPER=srinivasan2023_topdown ONLY=mnist SEEDS=3 WORKERS=2",
    "make perf",
]


def documented():
    """The commands as written, one line each."""
    texts = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    lines = [CONTINUED.sub("", text).splitlines() for text in (*texts, USAGE)]
    lines = [line.split(" #")[0].strip() for text in lines for line in text]
    inline = [code for code in inline if not re.fullmatch(r"make \w+", code)]  # a name, no command
    known = re.compile(r"make \w+|(srun (--\S+ )*)?(\.venv/bin/)?python -m benchmark \w+ -")
    return sorted({line for line in [*lines, *inline, *HELP] if known.match(line)})


def arguments(command):
    """What a command hands to ``benchmark``: a list for each time it is called."""
    if command.startswith("make"):
        dry = ["make", "-n", "-o", ".venv/.installed", *shlex.split(command)[1:]]
        alone = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}  # no make[1]
        done = subprocess.run(
            dry, cwd=ROOT, env=alone, capture_output=True, text=True, check=True
        )  # fmt: skip
        command = CONTINUED.sub("", done.stdout)
    command = command.replace("${rows[$SLURM_ARRAY_TASK_ID]}", "bp").replace("/data/imagenet", ".")
    return [
        shlex.split(line.split("-m benchmark ")[1])
        for line in command.splitlines()
        if "-m benchmark " in line
    ]


def recorded_run(row, seed, machine, results, **_):
    run_folder(results, row, seed).mkdir(parents=True)
    return json.loads(RECORD.read_text())


def attacked(record, *_):
    names = ("row_hash", "seed", "weights_sha256", "finished")
    return {name: record[name] for name in names} | {
        "schema": 1, "images": 10, "clean_acc": 50.0, "points": [], "environment": {"device": "cpu"}
    }  # fmt: skip


def judged(search, row, runs):
    runs.mkdir(parents=True)
    return Judged(50.0, "ok", {"device": "cpu"})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what a clone has, in which nothing is trained; gives the rows of bench."""
    (tmp_path / "results" / "records").mkdir(parents=True)
    shutil.copy(RECORD, tmp_path / "results" / "records")
    shutil.copy(ROOT / "README.md", tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    shutil.copy(ROOT / "benchmark/algorithms/_template.py", tmp_path / "mine.py")
    (tmp_path / "row.yaml").write_text(
        "algorithm: {name: dfa}\ndata: {name: mnist5k}\nnetwork: {name: mlp}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.setattr(Machine, "check", lambda machine: None)
    rows = []
    monkeypatch.setattr("benchmark.suite.run.bench.run_rows", lambda jobs, *_: rows.extend(jobs))
    for module in ("queue", "board"):
        monkeypatch.setattr(f"benchmark.suite.launch.{module}.run_queue", lambda jobs, *_: (
            rows.extend(jobs) or Outcome()))  # fmt: skip
    monkeypatch.setattr("benchmark.suite.launch.depths.DEPTHS", (1,))
    monkeypatch.setattr("benchmark.suite.run.rerun.run", recorded_run)
    monkeypatch.setattr("benchmark.suite.run.robust.measure", attacked)
    monkeypatch.setattr("benchmark.suite.run.fantasies.fantasies", lambda *_: [])
    monkeypatch.setattr("benchmark.suite.perf.scale.scale", lambda *_: "")
    solved = {"seed": 0, "solved": True, "generations": 1, "evaluations": 1, "seconds": 0}
    monkeypatch.setattr("benchmark.suite.evolve.run.solve", lambda *_: solved)
    monkeypatch.setattr("benchmark.suite.perf.steps.measure", lambda *_: (dict.fromkeys(
        ("ours", "bare", "products"), 1.0), ""))  # fmt: skip
    for part in ("settling_costs", "synapse_costs"):
        monkeypatch.setattr(f"benchmark.suite.perf.{part}.report", lambda: "")
    return rows


@pytest.mark.parametrize("command", documented())
def test_a_documented_command_runs(command, folder, monkeypatch):
    if "evolve" in command:
        pytest.importorskip("neat")
    if "tune" in command:
        pytest.importorskip("optuna")
        monkeypatch.setattr(Search, "judge", judged)
    for args in arguments(command):
        try:
            assert main(args) == 0
        except SystemExit as end:  # of --help and --print_config
            assert not end.code
        assert args[0] != "bench" or folder or not {"--help", "--print_config"}.isdisjoint(args)


def test_all_that_is_documented_is_found():
    commands = documented()
    assert "make bench ALGO=dfa" in commands and len(commands) > 15
    said = {args[0] for command in commands for args in arguments(command)}
    assert said >= set(re.findall(r"\$\(BENCH\) (\w+)", MAKEFILE))
    assert set(re.findall(r"^  (\w+) ", USAGE, flags=re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("bench", "ALGO=--algorithm DATASET=--dataset NETWORK=--network SEEDS=--seeds "
         "EPOCHS=--epochs DEVICES=--machine.devices CONFIG=--config"),
        ("bench", "WORKERS=--workers GPUS=--gpus PER_GPU=--per_gpu SLURM=--slurm"),
        ("table", "WORKERS=--workers GPUS=--gpus PER_GPU=--per_gpu SLURM=--slurm"),
        ("table", "PAPER=--paper ONLY=--only SEEDS=--seeds"),
        ("robust", "ALGO=--algorithm DATASET=--dataset NETWORK=--network RECORD=--record"),
        ("tune", "ALGO=--algorithm DATASET=--dataset NETWORK=--network TRIALS=--trials"),
    ],
)  # fmt: skip
def test_a_variable_of_make_is_an_option(target, options):
    pairs = dict(pair.split("=") for pair in options.split())
    (args,) = arguments(f"make {target} {' '.join(f'{v}={n}' for n, v in enumerate(pairs))}")
    given = dict(pairwise(args))
    assert [given[option] for option in pairs.values()] == [str(n) for n in range(len(pairs))]
