"""Rules, networks and data sets of others: by dotted path, or by a name their package offers."""

import sys

import pytest
import yaml

from benchmark.algorithms import ALGORITHMS
from benchmark.algorithms.dfa import DFA
from benchmark.cli import main
from benchmark.cli.training import _bench_front
from benchmark.errors import UserError
from benchmark.suite.launch.cost import UNKNOWN, multiplications
from benchmark.suite.records.records import load
from benchmark.suite.rows.choose import choices
from benchmark.suite.run.bench import rows_to_run
from benchmark.suite.run.search import Search
from benchmark.suite.run.space import space_text

MODULE = '''
from benchmark.algorithms.dfa import DFA
from benchmark.data.mnist5k import Mnist5k
from benchmark.networks.mlp import MLP


class Rule(DFA):
    """Feedback with a gain."""

    def __init__(self, net, *, gain: float = 2.0, **base):
        """
        Args:
            gain: factor on B_k.
        """
        super().__init__(net, feedback_scale=gain, **base)


class Net(MLP):
    def __init__(self, in_shape, classes, generator, *, width: int = 8):
        super().__init__(in_shape, classes, generator, hidden=(width, width))


class Data(Mnist5k):
    pass


class Untyped(DFA):
    def __init__(self, net, gain, **base):
        super().__init__(net, **base)


def helper():
    pass
'''
PATHS = {"algorithm": "lab.mine:Rule", "data": "lab.mine:Data", "network": "lab.mine:Net"}
NAMES = ["--algorithm=lab.mine:Rule", "--dataset=lab.mine:Data", "--network=lab.mine:Net"]
TINY = ["--epochs=1", "--data.batch_size=100"]


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A folder with the package ``lab``, as the current one."""
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "mine.py").write_text(MODULE)
    (tmp_path / "lab" / "broken.py").write_text("import no_such_package")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield monkeypatch.chdir(tmp_path) or tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "lab"]:
        del sys.modules[name]


def jobs(*args):
    return rows_to_run(*_bench_front(list(args)))


def offer(folder, package, line, kind="algorithms"):
    """Install the metadata of a package that offers a name."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[credit_benchmark.{kind}]\n{line}\n")


def test_by_path_all_three_train_are_recorded_skipped_and_rerun(lab, capsys):
    """In forked workers, beside backprop on the same network and data."""
    assert main(["bench", *NAMES, *TINY, "--seeds=2", "--workers=2"]) == 0
    assert "lab.mine:Rule" in capsys.readouterr().out
    records = load(lab / "results")
    assert [r["row"]["algorithm"]["name"] for r in records] == ["bp"] * 2 + ["lab.mine:Rule"] * 2
    assert {r["row"]["network"]["name"] for r in records} == {"lab.mine:Net"}
    assert {r["dataset"]["name"] for r in records} == {"lab.mine:Data"}
    paths = sorted((lab / "results" / "records").iterdir())
    assert paths[-1].name.startswith("lab.mine-data-lab.mine-net-lab.mine-rule-")
    assert not [p for p in (lab / "results").rglob("*") if ":" in p.name]

    assert main(["bench", *NAMES, *TINY, "--seeds=2", "--workers=2"]) == 0
    assert capsys.readouterr().out.count("already recorded") == 4
    assert main(["rerun", str(paths[-1]), "--machine.replay=false"]) == 0
    assert "equal bits" in capsys.readouterr().out
    assert main(["leaderboard"]) == 0
    assert "lab.mine:Rule" in (lab / "results" / "leaderboard.md").read_text()


def test_a_killed_run_of_an_own_rule_goes_on_to_the_same_weights(lab, monkeypatch, capsys):
    command = ["bench", *NAMES, "--data.batch_size=50", "--epochs=2", "--seeds=1"]
    command += ["--workers=1", "--baseline=false"]
    train, epochs = DFA.training_step, []

    def die(self, batch, i):
        epochs.append(self.current_epoch)
        if epochs.count(1) == 2:
            raise ValueError("killed")
        train(self, batch, i)

    monkeypatch.setattr(DFA, "training_step", die)
    assert main([*command, "--machine.checkpoint_seconds=0"]) == 2
    assert "killed" in capsys.readouterr().err and set(epochs) == {0, 1}
    epochs.clear()
    monkeypatch.setattr(DFA, "training_step", lambda self, *step: (
        epochs.append(self.current_epoch) or train(self, *step)))  # fmt: skip
    assert main(command) == 0 and set(epochs) == {1}
    assert main([*command, "--results=whole"]) == 0
    goes_on, whole = (load(lab / folder)[-1] for folder in ("results", "whole"))
    assert goes_on["weights_sha256"] == whole["weights_sha256"]


def test_a_search_of_an_own_rule(lab, monkeypatch):
    pytest.importorskip("optuna")
    from tests.docs.test_commands import judged

    monkeypatch.setattr(Search, "judge", judged)
    assert main(["tune", *NAMES, *TINY, "--trials=2", "--data.val_size=500"]) == 0
    (best,) = (lab / "results" / "tune").glob("*/best.yaml")
    assert best.parent.name.startswith("lab.mine-data-lab.mine-net-lab.mine-rule-")
    (row,) = jobs("--config", str(best), "--baseline=false")
    assert row.row.algorithm["name"] == "lab.mine:Rule"


def test_in_a_config_and_as_an_option_it_is_the_same_row(lab):
    (lab / "row.yaml").write_text(yaml.safe_dump({k: {"name": v} for k, v in PATHS.items()}))
    _, by_config = jobs("--config", "row.yaml")
    _, by_option = jobs(*NAMES)
    assert by_config.row == by_option.row and by_config.row.hash == by_option.row.hash
    assert by_option.row.algorithm["gain"] == 2.0
    assert by_option.origin == {"config": "", "options": NAMES}
    *_, other = jobs(*NAMES, "--algorithm.gain=3")
    assert other.row.hash != by_option.row.hash


def test_an_own_rule_has_its_settings_in_the_current_folder_or_none(lab):
    *_, plain = jobs("--algorithm=lab.mine:Rule")
    assert plain.row.network["name"] == "mlp" and len(plain.row.network["hidden"]) == 3
    for folder, text in (("bench", "optim: {lr: 0.7}"), ("tune", "algorithm.gain: '1:9'")):
        path = lab / "configs" / folder / "lab.mine-rule.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    *_, own = jobs("--algorithm=lab.mine:Rule")
    assert own.row.optim["lr"] == 0.7 != plain.row.optim["lr"]
    assert space_text([], "lab.mine:Rule", 1.0) == {"algorithm.gain": "1:9"}


def test_the_packages_own_rules_take_no_settings_from_the_current_folder(lab):
    before = jobs("--algorithm=fa")[1].row
    (lab / "configs" / "bench").mkdir(parents=True)
    (lab / "configs" / "bench" / "fa.yaml").write_text("optim: {lr: 0.7}")
    assert jobs("--algorithm=fa")[1].row == before


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("lab.mine:Rul", ["lab.mine has no Rul", "did you mean Rule"]),
        ("lab.mine:helper", ["is no algorithm", "benchmark.algorithm.Algorithm"]),
        ("lab.mine:Net", ["is no algorithm", "benchmark.algorithm.Algorithm"]),
        ("lab.mine:Untyped", ["lab.mine:Untyped", "'gain'", "type"]),
        ("lab.mine:", ["package.module:Class"]),
        ("lab/mine.py:Rule", ["package.module:Class"]),
        ("a:b:c", ["package.module:Class"]),
        ("lab.mien:Rule", ["cannot import lab.mien", "No module named 'lab.mien'"]),
        ("lab.broken:Rule", ["cannot import lab.broken", "no_such_package"]),
        ("lab.mine", ["unknown algorithm", "package.module:Class"]),
    ],
)
def test_a_bad_path_is_one_line(lab, capsys, path, words):
    assert main(["bench", "--algorithm", path]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert all(word in line for word in words)
    assert not (lab / "results").exists()


def test_a_name_that_an_installed_package_offers(lab, monkeypatch, capsys):
    site = lab / "site"
    site.mkdir()
    names = ["gained = lab.mine:Rule", "unloadable = lab.broken:Rule", "dfa = lab.broken:Rule"]
    offer(site, "lab-rules", "\n".join(names))
    monkeypatch.syspath_prepend(str(site))
    assert jobs("--algorithm=gained")[1].row.algorithm["gain"] == 2.0
    assert "gained" not in ALGORITHMS and list(ALGORITHMS.others()) == ["gained", "unloadable"]
    front, _ = _bench_front(["--algorithm=all"])
    assert [choice.names.algorithm for choice in choices(front)] == list(ALGORITHMS)
    assert main(["list"]) == 0
    assert "gained         lab.mine:Rule (lab-rules)" in capsys.readouterr().out
    with pytest.raises(UserError, match="did you mean gained"):
        jobs("--algorithm=gaind")
    with pytest.raises(UserError, match="no_such_package"):
        jobs("--algorithm=unloadable")


def test_a_name_that_two_packages_offer(lab, monkeypatch):
    site = lab / "site"
    site.mkdir()
    offer(site, "one", "gained = lab.mine:Rule\ndfa = lab.mine:Rule")
    offer(site, "two", "gained = lab.other:Rule")
    monkeypatch.syspath_prepend(str(site))
    with pytest.raises(UserError, match=r"lab\.mine:Rule or lab\.other:Rule"):
        jobs("--algorithm=gained")
    assert ALGORITHMS["dfa"].__module__ == "benchmark.algorithms.dfa"


def test_a_network_whose_cost_cannot_be_counted_is_taken_for_a_large_one(lab):
    text = MODULE.replace("hidden=(width, width))", "hidden=(width,)); assert in_shape[0] == 1")
    (lab / "lab" / "mine.py").write_text(text)
    *_, job = jobs(*NAMES)
    assert multiplications(job.row, (1, 28, 28), 10) < UNKNOWN
    assert multiplications(job.row, (3, 224, 224), 10) == UNKNOWN


def test_a_config_of_ours_is_found_from_any_folder_after_the_folders_own(lab):
    (job,) = jobs("--config", "configs/lee2015_dtp", "--baseline=false")[:1]
    assert job.origin["config"].startswith("configs/lee2015_dtp/")
    (lab / "configs" / "lee2015_dtp").mkdir(parents=True)
    (lab / "configs" / "lee2015_dtp" / "row.yaml").write_text(
        yaml.safe_dump({k: {"name": v} for k, v in PATHS.items()})
    )
    (job,) = jobs("--config", "configs/lee2015_dtp", "--baseline=false")
    assert job.row.algorithm["name"] == "lab.mine:Rule"
