"""Whole runs of the forward-only algorithms' variants, from typed options."""

import pytest

from benchmark.errors import UserError
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import Names, parse, row_parser, to_row
from benchmark.suite.run.runner import run
from tests.conformance.rows import built, row_of

CPU = Machine(accelerator="cpu")
PRODUCT = ["--algorithm.feedback_form=product", "--algorithm.feedback_sign=minus"]
MIRROR = [*PRODUCT, "--algorithm.mirror.before=50", "--algorithm.mirror.every=20"]


def test_mirroring_turns_the_projection_towards_the_weights(tmp_path):
    angles = []
    for options in (PRODUCT, MIRROR):
        record = run(row_of("pepita", *options, epochs=1), 0, CPU, tmp_path)
        angles.append(record["alignment"]["feedback/input"][-1][1])
    assert angles[1] > angles[0] + 5  # of -F with W_L .. W_1: F turns towards the product


def test_mirror_options_that_cannot_work_are_refused():
    with pytest.raises(UserError, match="feedback_form=product"):
        built(row_of("pepita", "--algorithm.mirror.every=20"))


@pytest.mark.parametrize("how,lr", [("batch", 20), ("sample", 1)])
def test_normalized_pepita_learns_through_five_layers(how, lr, tmp_path):
    options = [
        "--network.hidden=[64,64,64,64,64]",
        f"--algorithm.normalize={how}",
        f"--optim.lr={lr}",
    ]
    record = run(row_of("pepita", *options, epochs=4), 0, CPU, tmp_path)
    assert record["metrics"]["val_acc"] > 60


FF = {
    "unsupervised": ["--algorithm.data=unsupervised", "--algorithm.predict_by=readout"],
    "hard": ["--algorithm.negatives=hard", "--algorithm.predict_by=readout"],
    "greedy": [
        "--algorithm.layers=greedy",
        "--algorithm.goodness.peer=0.03",
        "--algorithm.label.scale=3",
    ],
    "mean": ["--algorithm.goodness.kind=mean", "--algorithm.label.scale=3"],
}


@pytest.mark.parametrize("variant", FF)
def test_ff_variants_learn(variant, tmp_path):
    size = ["--network.hidden=[100,100]", "--optim.lr=0.003"]
    row = row_of("ff", *size, *FF[variant], epochs=4 if variant == "greedy" else 2)
    record = run(row, 0, CPU, tmp_path)
    assert record["metrics"]["val_acc"] > 60
    alignment = record["alignment"]
    positive, negative = (
        alignment[f"goodness_{sign}/blocks.0"][-1][1] for sign in ("positive", "negative")
    )
    assert positive > negative


def test_convolutional_ff_learns(tmp_path):
    names = Names("ff", "mnist5k", "pepita_conv")
    args = ["--network.channels=8", "--algorithm.label.kind=waves", "--optim.lr=0.003"]
    args += ["--algorithm.predict_by=readout", "--optim.name=adam", "--epochs=1"]
    row = to_row(parse(row_parser(names), {}, args, "test"))
    assert run(row, 0, CPU, tmp_path)["metrics"]["val_acc"] > 60
