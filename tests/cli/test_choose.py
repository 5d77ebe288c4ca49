"""Which rows a bench command trains: names, files, records and folders, with their baselines."""

import json

import pytest
import yaml

from benchmark.algorithms import ALGORITHMS
from benchmark.cli import main
from benchmark.cli.training import _bench_front
from benchmark.errors import UserError
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.records.records import read
from benchmark.suite.rows.parse import Names, names_in, read_row
from benchmark.suite.run.bench import rows_to_run

DFA = {"algorithm": {"name": "dfa"}, "data": {"name": "mnist5k"}, "network": {"name": "mlp"}}
DFA |= {"epochs": 3, "optim": {"lr": 0.3}}
RECORDS = sorted((CONFIGS.parent / "results" / "records").glob("*-s0.json"))


def jobs(*args):
    return rows_to_run(*_bench_front(list(map(str, args))))


def titles(*args):
    return [job.row.title for job in jobs(*args)]


@pytest.fixture
def folder(tmp_path):
    """Rows of dfa and fa, an incomplete file, and one that is no row at all."""
    for name in ("dfa", "fa"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(DFA | {"algorithm": {"name": name}}))
    (tmp_path / "part.yaml").write_text("optim: {lr: 0.1}")
    (tmp_path / "notes.txt").write_text("notes: [")
    return tmp_path


def test_a_folder_gives_its_complete_rows_beside_one_baseline(folder):
    baseline, dfa, fa = jobs("--config", folder)
    assert [job.row.title for job in (dfa, fa)] == ["mnist5k-mlp-dfa", "mnist5k-mlp-fa"]
    assert baseline.row.title == "mnist5k-mlp-bp" and baseline.row.epochs == 3
    assert baseline.row.network == dfa.row.network and baseline.row.optim["lr"] == 0.05
    assert baseline.origin["baseline"] == "configs/bench/bp.yaml"
    assert titles("--config", folder, "--baseline", "false") == titles("--config", folder)[1:]


def test_several_files_and_options_for_all(folder):
    files = (folder / "dfa.yaml", folder / "fa.yaml")
    assert titles("--config", *files) == titles("--config", files[0], "--config", files[1])
    assert {job.row.epochs for job in jobs("--config", *files, "--epochs", 7)} == {7}


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"network": {"name": "mlp", "init": "zero"}}, 2),  # tuned, like the optimizer
        ({"network": {"name": "mlp", "hidden": [9]}}, 3),
        ({"data": {"name": "mnist5k", "val_size": 0}}, 3),
        ({"epochs": 4}, 3),
    ],
)
def test_a_backprop_row_for_the_same_task_is_the_baseline(folder, options, count):
    (folder / "fa.yaml").unlink()
    backprop = DFA | {"algorithm": {"name": "bp"}, "optim": {"lr": 0.7}} | options
    (folder / "bp.yaml").write_text(yaml.safe_dump(backprop))
    rows = [job.row for job in jobs("--config", folder)]
    assert len(rows) == count and 0.7 in [row.optim["lr"] for row in rows]


def test_a_record_gives_its_row(tmp_path):
    path = tmp_path / "row.yaml"
    path.write_text(yaml.safe_dump(DFA | {"optim": {"lr": 1e-5}, "variant": "slow"}))
    (job,) = jobs("--config", path, "--baseline", "false")
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"schema": 1, "row": job.row.as_record(), "seed": 4}))
    (again,) = jobs("--config", record, "--baseline", "false")
    assert again.row == job.row and again.origin["config"] == "record.json"


@pytest.mark.parametrize("path", RECORDS, ids=lambda p: p.stem)
def test_every_record_of_ours_is_a_config_of_its_row(path):
    assert read_row(names_in(path), path, []).hash == read(path)["row_hash"]


@pytest.mark.parametrize("option", ["algorithm", "dataset", "network"])
def test_files_beside_names_are_refused(folder, option):
    with pytest.raises(UserError, match=f"leave out --{option}"):
        jobs("--config", folder, f"--{option}", "dfa")


def test_a_folder_without_rows_is_refused(tmp_path):
    (tmp_path / "part.yaml").write_text("optim: {lr: 0.1}")
    with pytest.raises(UserError, match="holds no row"):
        jobs("--config", tmp_path)


def test_the_default_data_set_has_a_deep_network_and_others_the_recorded_one():
    assert {tuple(job.row.network["hidden"]) for job in jobs()} == {(256, 256, 256)}
    assert {tuple(job.row.network["hidden"]) for job in jobs("--dataset", "mnist")} == {(1024,)}
    assert {tuple(job.row.network["hidden"]) for job in jobs("--network.hidden=[4]")} == {(4,)}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_printed_row_is_a_config_of_the_same_row(name, tmp_path, capsys):
    choice = ["--algorithm", name, "--optim.lr", "1e-5", "--data.batch_size=50", "--variant=a b"]
    *_, job = jobs(*choice)
    with pytest.raises(SystemExit) as end:
        main(["bench", *choice, "--print_config"])
    assert not end.value.code
    path = tmp_path / "row.yaml"
    path.write_text(capsys.readouterr().out)
    (again,) = jobs("--config", path, "--baseline", "false")
    assert again.row == job.row and again.row.hash == job.row.hash
    assert again.origin == {"config": "row.yaml", "options": []}


def test_print_config_prints_one_row():
    with pytest.raises(UserError, match="one row"):
        jobs("--algorithm", "bp,dfa", "--print_config")


FORMS = [
    ["--optim.lr", "0.3", "--network.hidden", "[5, 6]"],
    ["--optim.lr=0.3", "--network.hidden=[5,6]"],
    ["--optim", '{"lr": 0.3}', "--network.hidden=[5]", "--network.hidden+=6"],
]


@pytest.mark.parametrize("form", FORMS)
def test_origin_tells_the_row_however_options_are_written(form, tmp_path):
    places = ["--data.root", str(tmp_path), "--machine.replay=false", "--machine", '{"devices": 1}']
    said = [*form, "--variant", "a --b c", "--seeds", "2", *places, "--data.val_size", "9"]
    *_, job = jobs(*said)
    made = job.origin
    assert made["config"] == "configs/bench/mnist5k-mlp-dfa.yaml"
    names = ["--algorithm=dfa", "--dataset=mnist5k", "--network=mlp"]
    assert made["options"][:3] == names
    for option in ("--network.hidden=[5, 6]", "--optim.lr=0.3", "--variant=a --b c"):
        assert option in made["options"]
    text = str(made)
    assert str(tmp_path) not in text and "machine" not in text and "seeds" not in text
    *_, again = jobs(*made["options"])
    assert again.row.hash == job.row.hash and again.row.variant == "a --b c"


def test_origin_of_a_config_outside_the_project_is_its_name(tmp_path):
    path = tmp_path / "row.yaml"
    path.write_text(yaml.safe_dump(DFA))
    (job,) = jobs("--config", path, "--baseline=false", "--data", '{"root": "/x", "val_size": 9}')
    assert job.origin["config"] == "row.yaml" and "--data.val_size=9" in job.origin["options"]
    assert "/x" not in str(job.origin) and str(tmp_path) not in str(job.origin)
    names = Names("dfa", "mnist5k", "mlp")
    assert job.row.hash == read_row(names, path, job.origin["options"]).hash
