"""Steps repeated from a record are those of autograd, whatever the options."""

from dataclasses import replace

import pytest

from benchmark.speed.replay import Replay
from benchmark.suite.rows.machine import Machine
from benchmark.suite.run.runner import run
from tests.conformance.rows import row_of
from tests.test_imports import importers_of

CPU = Machine(accelerator="cpu")


@pytest.fixture
def recorded(monkeypatch):
    """Steps recorded so far."""
    steps = []
    record = Replay._record
    monkeypatch.setattr(Replay, "_record", lambda *args: steps.append(args) or record(*args))
    return steps


def both(row, tmp_path):
    """Weights of a row trained with and without repetition."""
    runs = [(CPU, "repeated"), (replace(CPU, replay=False), "taken")]
    return [run(row, 0, machine, tmp_path / name)["weights_sha256"] for machine, name in runs]


SMALL = ["--network.hidden=[40,30]"]
VARIANTS = {
    "momentum": ("dfa", ["--network.hidden=[512]", "--optim.momentum=0.9"]),
    "nesterov": ("bp", ["--optim.momentum=0.9", "--optim.nesterov=true"]),
    "decay": ("kp", ["--optim.momentum=0.9", "--optim.weight_decay=0.01"]),
    "adam": ("dtp", ["--optim.name=adam", "--optim.lr=0.001", "--optim.momentum=0"]),
    "adamw": ("fa", ["--optim.name=adamw", "--optim.lr=0.001", "--optim.momentum=0"]),
    "rmsprop": ("fa", ["--optim.name=rmsprop", "--optim.lr=0.001"]),
    "centred": ("dtp", ["--optim.name=rmsprop", "--optim.lr=0.001", "--optim.momentum=0.9",
                        "--optim.eps=0.03", "--optim.centered=true"]),
    "clip": ("bp", ["--optim.clip=0.1"]),
    "steps": ("bp", ["--optim.schedule=step", "--optim.milestones=[1]"]),
    "dropout": ("pepita", ["--network.dropout=0.2"]),
    "input dropout": ("dfa", ["--network.input_dropout=0.1", "--network.dropout=0.5"]),
    "adversarial": ("fa", ["--network.hidden=[512]", "--optim.momentum=0.9",
                           "--adversarial_eps=0.1"]),
    "redrawn": ("pepita", ["--network.dropout=0.2", "--algorithm.dropout_masks=redrawn"]),
    "bias": ("dfa", ["--network.bias=true", "--loss=mse"]),
    "bce": ("ifa", ["--loss=bce"]),
    "shared": ("dfa", ["--algorithm.feedback=shared"]),
    "bfloat16": ("bp", ["--precision=bf16-mixed"]),
    "bfloat16 dfa": ("dfa", ["--precision=bf16-mixed"]),
    "float64": ("pepita", ["--precision=64-true"]),
    "adaptive": ("ia", ["--algorithm.adaptive=true"]),
    "alternating": ("dtp", ["--algorithm.schedule=alternating"]),
    "pretraining": ("dtp", ["--algorithm.decoder_epochs=1"]),
    "mirror": ("pepita", ["--algorithm.feedback_form=product", "--algorithm.feedback_sign=minus",
                          "--algorithm.mirror.every=2"]),
    "greedy": ("ff", [*SMALL, "--algorithm.layers=greedy"]),
    "hard": ("ff", [*SMALL, "--algorithm.negatives=hard"]),
    "unsupervised": ("ff", [*SMALL, "--algorithm.data=unsupervised",
                            "--algorithm.predict_by=readout"]),
    "persistent": ("ep", ["--algorithm.persistent=true"]),
    "several updates": ("ipc", ["--algorithm.order=at_once", "--optim.name=sgd",
                                "--optim.lr=0.01", "--optim.momentum=0.9"]),
    "learned control": ("dfc", ["--algorithm.feedback=learned"]),
    "local losses": ("fg", ["--algorithm.losses=local"]),
    "random sign": ("ep", ["--algorithm.nudging=random_sign"]),
    "noise phases": ("wm", ["--algorithm.noise.every=3", "--algorithm.noise.before=2"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ["bp", "dtp", "pepita"])
def test_without_the_room_the_numbers_are_the_same(name, tmp_path, monkeypatch):
    row = row_of(name, "--data.val_size=3000")
    repeated = run(row, 0, CPU, tmp_path / "repeated")["weights_sha256"]
    (importer,) = importers_of("benchmark.speed")
    monkeypatch.setattr(importer, "repeated", lambda step, *_: step)
    assert run(row, 0, CPU, tmp_path / "taken")["weights_sha256"] == repeated


# Options with which steps differ.
UNSAID = {"pretraining", "mirror", "greedy", "persistent", "noise phases"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_repeated_steps_are_the_same_bit_for_bit(variant, tmp_path, recorded):
    name, options = VARIANTS[variant]
    repeated, taken = both(row_of(name, *options, "--data.val_size=3000"), tmp_path)
    assert repeated == taken
    assert bool(recorded) == (variant not in UNSAID)
