"""The tables of the suite's own experiments, from made records, by hand."""

from benchmark.suite.records.counted import Counted
from benchmark.suite.tables.experiments import recurrence, video
from tests.records.conftest import make_record


def run(folder, label, acc, seed=0, **fields):
    origin = {"config": f"configs/{folder}/x.yaml", "options": []}
    fields = {"metrics.test_acc": acc, "origin": origin, "cost.parameters": 60000, **fields}
    return make_record(fields, row_hash=label * 12, seed=seed)


def cells(table):
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]


def test_recurrence():
    decay = {"row.network.name": "convrnn", "row.network.cell": "time_decay"}
    gated = {"row.network.name": "convrnn", "row.network.cell": "gru"}
    steps = {"metrics.test_acc_step1": 20.0, "metrics.test_acc_step2": 60.0,
             "metrics.test_acc_conf90": 59.0, "metrics.test_steps_conf90": 1.5}  # fmt: skip
    made = [
        run("convrnn", "a", 50.0, **decay), run("convrnn", "a", 52.0, 1, **decay),
        run("convrnn", "b", 60.0, **gated, **steps), run("convrnn", "b", 63.0, 1, **gated, **steps),
        run("elsewhere", "c", 99.0),
    ]  # fmt: skip
    rows = cells(recurrence(made))[2:]
    assert [row[2] for row in rows] == ["61.50 ± 2.12 (2)", "51.00 ± 1.41 (2)"]
    assert rows[0][0].endswith("gru") and rows[1][3] == ""
    assert rows[0][3] == "+10.50 ± 6.35"  # t of one degree, 12.706, times 0.5
    assert rows[0][4:] == ["20.0, 60.0", "59.0 after 1.50 steps"] and rows[1][4:] == ["", ""]
    assert recurrence(made[-1:]) == ""


def test_video():
    moving = {"dataset.name": "moving_mnist", "dataset.classes": 10, "row.epochs": 4}
    made = [
        run("moving", "a", 96.0, **moving, **{"row.algorithm.name": "pepita"}),
        run("moving", "b", 94.0, **moving, **{"row.algorithm.name": "pepita_video"}),
        run("moving", "b", 10.0, 1, **moving, **{"row.algorithm.name": "pepita_video"}),
    ]
    cost = Counted(
        row_hash="b" * 12, batch_size=10, steps=500, flops=5e7, passes=1, peak_bytes=1, parameters=1
    )
    head, _, pepita, ours = cells(video(made, {"b" * 12: cost}))
    assert head[0] == "moving mnist" and pepita[3:] == ["", "", "96.00 (1)", ""]
    assert ours == ["pepita_video", "constant", "4", "5.00", "0.10", "94.00 (2, 1 failed)", "-2.00"]
