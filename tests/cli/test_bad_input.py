"""Bad input gives one clear line on stderr and exit code 2, and leaves nothing behind."""

import json
import pickle
import signal
import subprocess
import sys

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.cli import main
from benchmark.engine.checkpoint import DIGITS, CheckpointFile
from tests.conformance.pictures import draw_images


@pytest.fixture
def bench(tmp_path, capsys, monkeypatch):
    """Runs ``bench`` on a tiny row in an empty folder; gives exit code and stderr's lines."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        tiny = ["--epochs", "1", "--seeds", "1", "--network.hidden=[4]", "--baseline", "false"]
        code = main(["bench", *tiny, *args])
        return code, [line for line in capsys.readouterr().err.splitlines() if "error: " in line]

    return run


def refused(outcome, *words):
    code, lines = outcome
    assert code == 2 and len(lines) == 1
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--algorithm", "dfaa"], ["unknown algorithm 'dfaa'", "did you mean dfa"]),
        (["--algorithm", "bp,dfaa"], ["unknown algorithm 'dfaa'"]),
        (["--dataset", "mnits"], ["unknown dataset 'mnits'", "mnist"]),
        (["--network", "mlpp"], ["unknown network 'mlpp'", "mlp"]),
        (["--algorithm.feedback_scal", "2"], ["--algorithm.feedback_scal", "feedback_scale"]),
        (["--optim.lr", "fast"], ["optim.lr", "fast"]),
        (["--network.activation", "rellu"], ["network.activation", "relu"]),
        (["--epochs", "0"], ["epochs is 0: it must be at least 1"]),
        (["--adversarial_eps", "-1"], ["adversarial_eps is -1.0: it must be at least 0"]),
        (["--algorithm", "ff", "--adversarial_eps", "0.1"], ["adversarial_eps", "ff"]),
        (["--stop.train_error", "2"], ["stop.train_error", "at least 0 and below 1"]),
        (["--stop.train_eror", "0.1"], ["train_eror"]),
        (["--seeds", "0"], ["seeds"]),
        (["--machine.accelerator", "tpu"], ["machine.accelerator"]),
        (["--data.batch_size", "100000"], ["batch_size"]),
        (["--published", "nokland2016-nonsense"], ["nokland2016-nonsense"]),
        (["stray"], ["stray"]),
        (["--data.name", "mnist"], ["--data.name is mnist", "mnist5k", "--dataset"]),
        (["--algorithm.name=bp"], ["--algorithm.name is bp", "--algorithm"]),
        (["--network", "{name: lenet}"], ["network '{name: lenet}'"]),
        (["--data", "{name: mnist}"], ["--data.name is mnist"]),
        (["--dataset="], ["unknown dataset ''"]),
        (["--network", "net.yaml"], ["--network takes a name"]),
        (["--optim", "nowhere.yaml"], ["--optim nowhere.yaml"]),
        (["--optim", "adam"], ["--optim is 'adam'", "mapping"]),
        (["--optim", "{lr: 1, lr: 2}"], ["'lr' stands twice"]),
        (["--machine.devices", "-3"], ["machine.devices is -3: it must be at least 1"]),
        (["--machine.nodes", "0"], ["machine.nodes is 0: it must be at least 1"]),
        (["--machine.population", "0"], ["machine.population is 0: it must be at least 1"]),
        (["--machine.population", "2"], ["machine.population is 2, of 1 seeds"]),
        (["--machine.population=2", "--machine.devices=2"], ["machine.devices", "at 1"]),
        (["--machine.checkpoint_seconds=-1"], ["machine.checkpoint_seconds is -1.0"]),
        (["--epochs", "9" * 500], ["epochs has 500 digits"]),
        (["--seeds", "9" * 30], ["seeds: give how many (1 to 10000)"]),
        (["--variant", "a\nb"], ["variant is 'a\\nb': one line"]),
        (["--variant", "x" * 101], ["variant", "100 characters"]),
    ],
)
def test_names_and_values(bench, args, words, tmp_path):
    refused(bench(*args), *words)
    assert not list(tmp_path.rglob("*.json"))


def test_unknown_command_lists_the_near_one(capsys):
    assert main(["benhc"]) == 2
    assert "did you mean bench" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("algorithm: {name: dfa, feedbck_scale: 2}", ["algorithm.feedbck_scale", "feedback_scale"]),
        ("epocs: 3\nalgorithm: {name: dfa}", ["epocs", "epochs"]),
        ("algorithm: [", ["row.yaml", "not valid YAML"]),
        ("- 1", ["row.yaml", "not a mapping"]),
        ("algorithm: {name: dfa}\noptim: {lr: high}", ["optim.lr", "high"]),
    ],
)
def test_config_files(bench, tmp_path, text, words):
    complete = "" if text[0] in "-" else "\ndata: {name: mnist5k}\nnetwork: {name: mlp}\n"
    (tmp_path / "row.yaml").write_text(text + complete)
    refused(bench("--config", "row.yaml"), *words)


@pytest.mark.parametrize("option", ["algorithm=bp", "dataset=mnist", "network=lenet"])
def test_a_name_beside_a_config_is_not_lost(bench, tmp_path, option):
    (tmp_path / "row.yaml").write_text(
        "algorithm: {name: dfa}\ndata: {name: mnist5k}\nnetwork: {name: mlp}\n"
    )
    refused(bench("--config", "row.yaml", f"--{option}"), f"leave out --{option.split('=')[0]}")
    group = option.replace("dataset", "data").replace("=", ".name=")
    refused(
        bench("--config", "row.yaml", f"--{group}"), f"--{group.replace('=', ' is ')}, of a row"
    )


def test_a_group_as_a_file_is_its_options_one_by_one(bench, tmp_path):
    (tmp_path / "optim.yaml").write_text("lr: 0.25\nbetas: [0.9, 0.999]\n")
    assert bench("--optim", "optim.yaml", "--data={batch_size: 50}")[0] == 0
    record = json.loads(next(tmp_path.glob("results/records/*.json")).read_text())
    assert record["row"]["optim"]["lr"] == 0.25 and record["row"]["data"]["batch_size"] == 50
    assert "--optim.lr=0.25" in record["origin"]["options"]


def test_missing_config_file(bench):
    refused(bench("--config", "nowhere.yaml"), "nowhere.yaml")


def test_config_without_names(bench, tmp_path):
    (tmp_path / "row.yaml").write_text("epochs: 2\n")
    refused(bench("--config", "row.yaml"), "row.yaml", "name")


def test_missing_data_folder(bench):
    refused(bench("--dataset", "parquet", "--data.root", "nowhere"), "nowhere")


def test_truncated_idx_file(bench, tmp_path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"\x00\x00\x08\x03\x00\x00\x00\x0a")
    refused(bench("--dataset", "mnist"), "idx")


def test_broken_record(bench, tmp_path):
    assert bench()[0] == 0
    record = next((tmp_path / "results" / "records").glob("*.json"))
    record.write_text(record.read_text()[:100])
    refused(bench(), record.name)
    assert main(["leaderboard"]) == 2


def test_two_gpus_where_there_is_none(bench):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    refused(bench("--machine.devices", "2", "--machine.accelerator", "gpu"), "no GPU")


def test_unwritable_results_folder(bench, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    refused(bench("--results", "taken"), "taken")


DAMAGE = {  # what is done to a checkpoint's parts
    "of another version": lambda parts: parts.pop("in_epoch"),
    "no optimizers": lambda parts: parts.pop("optimizer_states"),
    "other shapes": lambda parts: parts["state_dict"].update(
        {name: value[..., :-1] for name, value in parts["state_dict"].items() if value.dim() > 1}),
    "callbacks of another kind": lambda parts: parts.update(callbacks=3),
    "a curve of another kind": lambda parts: parts["callbacks"]["Recorder"].pop("curve"),
    "no state": lambda parts: parts["optimizer_states"].clear(),
    "of another run": lambda parts: parts.update(run="0123456789ab-s0"),
}  # fmt: skip


BYTES = {  # or to the file itself
    "empty": lambda whole: b"",
    "truncated": lambda whole: whole[:-100],
    "noise": lambda whole: b"x" * 1000,
    "zeros": lambda whole: whole[:3000] + bytes(64) + whole[3064:],
    "a pickle": lambda whole: pickle.dumps({"state_dict": 1}),
    "before checksums": lambda whole: whole[:-DIGITS],
}


@pytest.mark.parametrize("damage", ["a folder", *BYTES, *DAMAGE])
def test_damaged_checkpoint(bench, tmp_path, damage):
    assert bench()[0] == 0
    (path,) = tmp_path.glob("results/runs/*/last.ckpt")
    if damage in DAMAGE:
        checkpoint = torch.load(path, weights_only=True)
        DAMAGE[damage](checkpoint)
        CheckpointFile().save_checkpoint(checkpoint, path)
    elif damage in BYTES:
        path.write_bytes(BYTES[damage](path.read_bytes()))
    else:
        path.unlink()
        path.mkdir()
    next(tmp_path.glob("results/records/*.json")).unlink()
    refused(bench(), "last.ckpt", "delete it")
    path.rmdir() if path.is_dir() else path.unlink()
    assert bench()[0] == 0


def test_control_c_says_how_to_go_on(bench, capsys, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ALGORITHMS["dfa"], "training_step", interrupt)
        assert main(["bench", "--epochs", "1", "--seeds", "1", "--baseline", "false"]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))
    assert bench()[0] == 0


def test_a_recorded_row_is_skipped_unless_asked_again(bench, tmp_path, capsys):
    assert bench()[0] == 0
    record = next((tmp_path / "results" / "records").glob("*.json"))
    first = json.loads(record.read_text())
    assert main(["bench", "--epochs", "1", "--seeds", "1", "--network.hidden=[4]",
                 "--baseline", "false"]) == 0  # fmt: skip
    assert "already recorded" in capsys.readouterr().out
    assert json.loads(record.read_text()) == first
    assert bench("--again")[0] == 0
    again = json.loads(record.read_text())
    assert again["finished"] >= first["finished"]
    assert again["weights_sha256"] == first["weights_sha256"]


def test_all_leaves_out_what_needs_another_network(capsys):
    from benchmark.cli.training import _bench_front
    from benchmark.suite.run.bench import rows_to_run

    front, rest = _bench_front(["--algorithm", "all", "--network", "mlp"])
    rows = [job.row for job in rows_to_run(front, rest)]
    assert "ep needs a network that settles: left out" in capsys.readouterr().out
    assert {row.network["name"] for row in rows} == {"mlp"}
    front, rest = _bench_front(["--algorithm", "ep"])
    assert {job.row.network["name"] for job in rows_to_run(front, rest)} == {"hopfield"}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--optim.alpha=3", "optim.alpha is 3.0: it must be at least 0 and below 1"),
        ("--optim.eps=-1", "optim.eps is -1.0: it must be above 0"),
        ("--optim.t_max=0", "optim.t_max is 0: it must be at least 1"),
        ("--network.dropout=1.5", "network.dropout is 1.5: it must be at least 0 and below 1"),
        (
            "--network.input_dropout=1",
            "network.input_dropout is 1.0: it must be at least 0 and below 1",
        ),
    ],
)
def test_a_senseless_number_trains_nothing(tmp_path, capsys, option, said):
    args = ["bench", "--algorithm=dfa", "--baseline=false", "--seeds=1", "--workers=1", option]
    assert main([*args, f"--results={tmp_path}"]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("records/*.json"))


def test_a_reader_that_has_seen_enough_is_no_fault():
    command = [sys.executable, "-m", "benchmark", "list"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    child.stdout.close()
    assert "Traceback" not in child.stderr.read() and child.wait() == 128 + signal.SIGPIPE


CONFIGS = {
    "epochs: 2\nepochs: 3\n": "stands twice",
    "optim: {lr: 0.1, lr: 0.2}\n": "stands twice",
    "? [1, 2]\n: 3\n": "unhashable key",
    "3: 4\n": "not a mapping",
    "algorithm: dfa\n": "algorithm is 'dfa'",
    "data: null\n": "data is None",
    "network: [mlp]\n": "network is ['mlp']",
    "optim: 0.1\n": "optim is 0.1",
    "[" * 5000: "nested too deep",
    "\x00": "not valid YAML",
    "a: &a [*a]\n": "an alias, *a",
    "a: &a {x: 1}\noptim: *a\n": "an alias, *a",
    "precision: null\n": "precision is null: give it a value",
    "optim: {name: null}\n": "optim.name is null: give it a value",
    "machine: null\n": "machine is None, not a mapping",
    "measure: {steps: null}\n": "measure.steps is null",
}


@pytest.mark.parametrize("text", CONFIGS)
def test_a_malformed_config_is_one_line(bench, tmp_path, text):
    rest = [f"{group}: {{name: {name}}}\n" for group, name in
            (("algorithm", "dfa"), ("data", "mnist5k"), ("network", "mlp"))
            if not text.startswith(group)]  # fmt: skip
    (tmp_path / "row.yaml").write_text(text + "".join(rest))
    code, (line,) = bench("--config", "row.yaml")
    assert code == 2 and CONFIGS[text] in line
    assert "row.yaml" in line or text.split(":")[0] in line


UNFIT = {
    "ep": (["--algorithm", "ep", "--network", "mlp"], "settles"),
    "ff": (["--algorithm", "ff", "--network", "resnet20", "--dataset", "cifar10"], "plain blocks"),
    "vgg": (
        ["--network", "vgg"],
        "does not take images of (1, 28, 28): it takes 32 or more pixels a side",
    ),
    "too large": (["--network.hidden=[10000000000000]"], "take a smaller one"),
    "ff, mse": (["--algorithm", "ff", "--loss", "mse"], "no use for the loss mse"),
    "ff, dropout and read-out": (
        ["--algorithm", "ff", "--network.dropout=0.3", "--algorithm.predict_by=readout"],
        "read-out takes no dropout",
    ),
    "last of two": (["--algorithm", "dfa,pepita", "--network", "resnet20"], "plain blocks"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_rows_that_cannot_be_built_are_refused_before_the_first_is_trained(case, tmp_path, capsys):
    """Backprop, which comes first and could be trained, is not."""
    args, message = UNFIT[case]
    assert main(["bench", *args, "--seeds", "1", "--results", str(tmp_path / "results")]) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error:")]
    assert message in line and not list(tmp_path.rglob("*.json"))


def test_what_no_data_set_changes_is_refused_before_its_images_are_known(tmp_path, capsys):
    draw_images(tmp_path / "images")
    args = ["--dataset", "folder", "--data.root", str(tmp_path / "images"), "--algorithm", "ep,bp"]
    assert main(["bench", *args, "--network", "mlp", "--results", str(tmp_path / "r")]) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error:")]
    assert "settles" in line and not list(tmp_path.rglob("*.json"))


def test_many_images_in_a_ragged_rest_are_mentioned(tmp_path, capsys):
    args = ["--network.hidden=[8]", "--epochs=1", "--seeds=1", "--results", str(tmp_path)]
    assert main(["bench", "--algorithm", "bp", *args, "--data.batch_size=2500"]) == 0
    assert "1000 of 3500 training images, others each epoch, fill" in capsys.readouterr().err
    assert main(["bench", "--algorithm", "bp", *args, "--data.batch_size=70"]) == 0
    assert "training images" not in capsys.readouterr().err
