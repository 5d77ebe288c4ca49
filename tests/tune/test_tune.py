"""The metaparameter search: it improves, resumes after SIGKILL, and never looks at the test set."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
import yaml
from lightning.pytorch import Trainer

from benchmark.cli import main
from benchmark.cli.training import _bench_front
from benchmark.errors import UserError
from benchmark.suite.records import studies
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.rows.parse import Names, read_named
from benchmark.suite.run.bench import rows_to_run
from benchmark.suite.run.search import Search
from benchmark.suite.run.space import parse_space, space_text

ROW = ["--network.hidden=[16]", "--epochs=1", "--optim.lr=0.003"]
SPACE = ["--space", "optim.lr=0.001:1:log", "--space", "algorithm.feedback_scale=0.1:10:log"]
NAMES = Names("dfa", "mnist5k", "mlp")


def command(results: Path, trials: int, *more: str) -> list[str]:
    return [
        "tune",
        "--algorithm=dfa",
        *SPACE,
        f"--trials={trials}",
        f"--results={results}",
        *ROW,
        *more,
    ]


def judged(results: Path) -> list[tuple[dict, float]]:
    (study,) = studies.load(results)
    return [(trial["setting"], trial["val_acc"]) for trial in study["trials"]]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The results folder of a search that nobody disturbed, and that could not test."""
    results = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "test", lambda *_, **__: pytest.fail("the search ran a test"))
        assert main(command(results, trials=6)) == 0
    return results


def test_the_start_comes_first_and_is_improved_on(searched):
    (params, start), *others = judged(searched)
    assert params == {"optim.lr": 0.003, "algorithm.feedback_scale": 1.0}
    assert max(value for _, value in others) > start + 10
    assert not (searched / "records").exists() and not list(searched.glob("tune/*/runs"))


def test_the_best_row_is_a_config_for_bench(searched):
    params, value = max(judged(searched), key=lambda setting: setting[1])
    (path,) = searched.rglob("*.yaml")
    (job,) = rows_to_run(*_bench_front(["--config", str(path), "--baseline", "false"]))
    assert job.row.optim["lr"] == params["optim.lr"]
    assert job.row.algorithm["feedback_scale"] == params["algorithm.feedback_scale"]
    assert job.row.network["hidden"] == [16] and job.row.epochs == 1
    assert f"validation accuracy {value:.2f}" in path.read_text()
    assert "published" not in yaml.safe_load(path.read_text())


def test_killed_and_resumed_is_the_search_undisturbed(searched, tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-u", "-m", "benchmark", *command(tmp_path, trials=6)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    for line in child.stdout:
        if line.startswith("trial 2/"):
            child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert 2 <= len(judged(tmp_path)) < 6
    assert main(command(tmp_path, trials=6)) == 0
    assert judged(tmp_path) == judged(searched)
    assert main(command(tmp_path, trials=6)) == 0  # nothing left to do
    assert judged(tmp_path) == judged(searched)


def test_several_algorithms_one_after_the_other_each_on_its_own_network(tmp_path):
    rest = ["--trials=1", f"--results={tmp_path}", "--network.hidden=[16]", "--epochs=1"]
    assert main(["tune", "--algorithm=bp,ep", *rest]) == 0
    (bp, ep) = studies.load(tmp_path)[::-1]
    names = [(s["row"]["algorithm"]["name"], s["row"]["network"]["name"]) for s in (bp, ep)]
    assert names == [("bp", "mlp"), ("ep", "hopfield")]
    assert len(list(tmp_path.glob("tune/*/best.yaml"))) == 2


def test_a_trial_that_was_running_when_killed_is_tried_again(searched, tmp_path, monkeypatch):
    judge = Search.judge
    monkeypatch.setattr(Search, "judge", killed)
    with pytest.raises(KeyError):
        main(command(tmp_path, trials=2)) and pytest.fail("not killed")
    assert studies.load(tmp_path) == []
    monkeypatch.setattr(Search, "judge", judge)
    assert main(command(tmp_path, trials=2)) == 0
    assert judged(tmp_path) == judged(searched)[:2]


def killed(*_):
    raise KeyError("killed")


def test_a_diverged_setting_counts_as_zero(tmp_path):
    search = Search(NAMES, {}, ROW, [], "test")
    judged = search.judge(search.row({"optim.lr": 1e30}), tmp_path)
    assert (judged.val_acc, judged.status) == (0.0, "diverged")


def test_kinds_of_ranges():
    texts = {"a": "1:8", "b": "0.1:10:log", "c": "x,y", "d": "0.1:0.5", "e": "true,false"}
    space = parse_space(texts, {"a": 2, "b": 1, "c": "y", "d": 0.2, "e": False} | {"b": 1.0})
    assert space["a"] == optuna.distributions.IntDistribution(1, 8)
    assert space["b"] == optuna.distributions.FloatDistribution(0.1, 10, log=True)
    assert space["c"].choices == ("x", "y") and space["e"].choices == (True, False)


@pytest.mark.parametrize("path", (CONFIGS / "tune").glob("*.yaml"), ids=lambda path: path.stem)
def test_every_space_of_the_suite_fits_its_algorithm(path):
    names = Names(path.stem, "mnist5k", "mlp")
    search = Search(names, read_named(names, names.default_config), [], [], "test")
    assert set(search.space) == set(yaml.safe_load(path.read_text()))


def test_a_range_that_yaml_takes_for_a_number(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmark.suite.rows.parse.CONFIGS", tmp_path)
    (tmp_path / "tune").mkdir()
    (tmp_path / "tune" / "dfa.yaml").write_text("optim.lr: 1:30")
    with pytest.raises(UserError, match="quote"):
        space_text([], "dfa", 1.0)


def test_without_a_space_the_learning_rate_is_searched():
    assert space_text([], "unheard", 0.3) == {"optim.lr": "0.01:9:log"}


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--trials=0"], "trials is 0"),
        (["--trials=x"], "invalid int"),
        (["--algorithm=dffa"], "did you mean dfa"),
        (["--space=optim.rl=0.1:1"], "optim.lr"),
        (["--space=optim=0.1:1"], "optim"),
        (["--space=optim.lr"], "option=low:high"),
        (["--space=optim.lr=1:0.1"], "low:high"),
        (["--space=optim.lr=0:1:log"], "low:high"),
        (["--space=optim.lr=0:inf"], "low:high"),
        (["--space=optim.lr=a:b"], "low:high"),
        (["--space=optim.lr=0.1:1:lin"], "low:high"),
        (["--space=optim.lr=5:10"], "lies outside"),
        (["--space=optim.name=adam,rmsprop"], "not among"),
        (["--space=optim.name=sgd,sdg"], "sdg"),
        (["--space=optim.name=0:1"], "lies outside"),
        (["--data.val_size=0"], "validation"),
        (["--machine.devices=2", "--machine.accelerator=cpu"], "one process"),
        (["--config=missing.yaml"], "missing.yaml"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path, capsys, arguments, said):
    assert main(["tune", f"--results={tmp_path}", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1 and said in message
    assert not list(tmp_path.iterdir())


def test_a_broken_study_is_one_clear_line(searched, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(command(tmp_path / "file", trials=1)) == 2
    (path,) = searched.glob("tune/*.json")
    broken = tmp_path / "tune" / path.name
    broken.parent.mkdir(parents=True)
    broken.write_bytes(path.read_bytes()[:500])
    assert main(command(tmp_path, trials=1)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("error: ") for line in lines)
    assert "cannot write" in lines[0] and str(broken) in lines[1]
