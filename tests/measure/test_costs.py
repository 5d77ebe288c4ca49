"""Counted costs against counts by hand."""

import csv
from itertools import pairwise

import pytest
import torch
from msgspec import structs

from benchmark.cli import main
from benchmark.suite.perf import costs
from benchmark.suite.perf.audit import row_of
from benchmark.suite.perf.costs import cost_of, step_of
from benchmark.suite.perf.counting import Bytes, Flops
from benchmark.suite.records import counted, records
from benchmark.suite.rows.row import build_algorithm
from tests.records.conftest import identified, make_record

N, SIZES, CLASSES = 16, (64, 48, 32, 24, 10), 10
HIDDEN = sum(SIZES[1:-1])


def product(a, b, n=N):
    return 2 * n * a * b


LAYERS = [product(a, b) for a, b in pairwise(SIZES)]
ALL, UPPER = sum(LAYERS), sum(LAYERS[1:])
TO_HIDDEN = product(CLASSES, HIDDEN)  # an error or a label to each hidden layer
BP = 2 * ALL + UPPER  # forward, weights; and back, but not to the image
FLOPS = {
    "bp": BP,
    "fa": BP,
    "usf": BP,
    "kp": BP,
    "dfa": 2 * ALL + TO_HIDDEN,
    "drtp": 2 * ALL + TO_HIDDEN,
    # the error to the lowest hidden layer, from there up through all but the last
    "ifa": 2 * ALL + product(CLASSES, SIZES[1]) + UPPER - LAYERS[-1],
    "np": 3 * ALL,  # a clean and a noisy pass, weights
    "wp": 2 * ALL,  # two passes
    "dgl": 2 * ALL + 3 * TO_HIDDEN,  # a read-out on each hidden layer: up, weights, down
    "mono_forward": 2 * ALL + 3 * TO_HIDDEN,
    "bp_deepsup": BP + 3 * TO_HIDDEN,
    # W1 F once for all images, then W1 F e, and x - F e for the weights; upper layers twice
    "pepita": 2 * ALL + UPPER + product(SIZES[1], SIZES[0], n=CLASSES)
    + product(CLASSES, SIZES[1]) + product(CLASSES, SIZES[0]),
}  # fmt: skip


def algorithm_of(name):
    hidden = ",".join(map(str, SIZES[1:-1]))
    return build_algorithm(row_of(name, f"--network.hidden=[{hidden}]"), 0, (1, 8, 8), CLASSES)


def batch():
    return torch.rand(N, 1, 8, 8), torch.randint(CLASSES, (N,))


@pytest.mark.parametrize("name", FLOPS)
def test_operations_of_a_step_by_hand(name):
    assert step_of(algorithm_of(name), *batch()).flops == pytest.approx(FLOPS[name], rel=0.01)


def test_convolutions_by_hand():
    conv = torch.nn.Conv2d(3, 8, 5, padding=2)
    with Flops() as flops:
        conv(torch.rand(N, 3, 10, 10).requires_grad_()).sum().backward()
    assert flops.total == 3 * 2 * N * 8 * 3 * 5 * 5 * 10 * 10


def test_passes():
    passes = {name: step_of(algorithm_of(name), *batch()).passes for name in ("bp", "wp", "cd")}
    assert passes["bp"] == 1 and passes["wp"] == 2


def test_memory_is_counted_while_it_is_held():
    with Bytes([held := torch.zeros(1000)]) as memory:
        a = held + 1
        a.view(10, 100)[3:] += 1  # no memory of its own
        b = a + 1
        del a
        c = b + 1
    assert (memory.now, memory.peak) == (4 * 3000, 4 * 3000)
    del b, c
    assert memory.now == 4 * 1000


def test_memory_of_a_step_by_hand():
    """After the forward pass all activities are held; after the backward pass all gradients."""
    algorithm = algorithm_of("bp")
    weights = 4 * sum(p.numel() for p in algorithm.parameters())
    assert algorithm.optim.momentum
    held = 2 * weights + 4 * N * SIZES[0] + 8 * N  # with momenta, images and labels
    activities = 4 * N * sum(SIZES[1:])
    peak = step_of(algorithm, *batch()).peak
    assert held + max(activities, weights) <= peak <= held + activities + weights


def test_rows_are_counted_once(tmp_path, monkeypatch):
    row = {"row.epochs": 2, "row.data.batch_size": 100, "row.network.hidden": [16]}
    for rule, label in (("bp", "1"), ("dfa", "2")):
        record = make_record(row | {"row.algorithm.name": rule}, row_hash=label * 12)
        records.save(tmp_path, identified(record))
    record["row"]["precision"] = "32-true"
    cost = cost_of(record)
    layers = [784 * 16, 16 * 10]
    assert cost.flops == 2 * 100 * (2 * sum(layers) + layers[1])
    assert (cost.steps, cost.batch_size, cost.parameters) == (550, 100, sum(layers))
    assert cost.total(epochs=3) == 3 * 550 * cost.flops

    called = []
    monkeypatch.setattr(costs, "cost_of", lambda r: called.append(r) or renamed(cost, r))
    assert costs.costs(tmp_path) == 2 and costs.costs(tmp_path) == 0
    assert len(called) == 2 and len(counted.read(tmp_path)) == 2
    assert main(["costs", "--results", str(tmp_path)]) == 0
    with (tmp_path / "costs.csv").open() as file:
        assert [line["algorithm"] for line in csv.DictReader(file)] == ["bp", "dfa"]


def renamed(cost, record):
    return structs.replace(cost, row_hash=record["row_hash"])


def test_broken_costs_are_named(tmp_path, capsys):
    (tmp_path / counted.NAME).write_text("row_hash,flops\nxyz,1\n")
    assert main(["costs", "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert counted.NAME in said and "make costs" in said


def test_frames_of_a_clip_are_counted_as_they_are_trained():
    """Of two frames one is read by the update: half of the products of weights, and no more."""
    made = {"row.algorithm": {"name": "pepita_video"}, "row.data": {"name": "moving_mnist"}}
    clip, still = (
        cost_of(make_record(made | {"row.data.frames": frames, "row.data.batch_size": 32}))
        for frames in (2, 1)
    )
    assert clip.flops < still.flops and clip.passes == 1
