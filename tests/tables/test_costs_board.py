"""The board of costs from made records and counts, by hand."""

import math

import pytest

from benchmark.suite.records.counted import Counted
from benchmark.suite.tables.cost_board import cost_board, to_csv, to_markdown
from benchmark.suite.tables.pareto import pareto_plots
from tests.records.conftest import make_record


def cost(label, flops, peak):
    return Counted(
        row_hash=label * 12, batch_size=100, steps=500, flops=flops, passes=1, peak_bytes=peak,
        parameters=10,
    )  # fmt: skip


def run(rule, label, acc, curve, seed=0):
    points = [{"epoch": k, "val_acc": a} for k, a in enumerate(curve, 1)]
    fields = {"row.algorithm.name": rule, "metrics.test_acc": acc, "metrics.val_acc": curve[-1]}
    return make_record(fields, row_hash=label * 12, seed=seed, curve=points)


@pytest.fixture
def board():
    made = [
        run("bp", "a", 98.0, [96.0, 98.2]),
        run("bp", "a", 98.0, [97.3, 98.2], seed=1),
        run("fa", "b", 97.0, [90.0, 97.0]),
        run("dfa", "c", 96.0, [90.0, 96.0]),
        run("tp", "d", 95.0, [90.0, 95.0]),
    ]
    costs = {"a": (4e6, 400), "b": (4e6, 300), "c": (3e6, 500), "d": (5e6, 200)}
    board = cost_board(made, {k * 12: cost(k, *v) for k, v in costs.items()})
    return board.set_index("algorithm", drop=False)


def test_by_hand(board):
    bp = board.loc["bp"]
    assert bp["flops_sample"] == 4e4 and bp["flops_run"] == 4e6 * 500 * 2
    assert bp["target"] == 97 and bp["epochs_to_target"] == 1.5  # 98.2 - 1, rounded down
    assert bp["flops_to_target"] == 4e6 * 500 * 1.5
    assert board.loc["dfa", "times_bp"] == 0.75
    assert board.loc["fa", "epochs_to_target"] == 2
    assert math.isnan(board.loc["dfa", "epochs_to_target"])


def test_the_front(board):
    assert dict(board["front_flops"]) == {"bp": True, "fa": False, "dfa": True, "tp": False}
    assert dict(board["front_memory"]) == {"bp": True, "fa": True, "dfa": False, "tp": True}


def test_the_figure_has_all_rows_and_needs_three_rules(board):
    drawn = dict(pareto_plots(board))
    assert {name.rpartition(".")[2] for name in drawn} == {"png", "svg"}
    text = next(c for name, c in drawn.items() if name.endswith("svg")).decode()
    assert all(f">{rule}<" in text for rule in board["algorithm"])
    assert drawn == dict(pareto_plots(board))
    assert pareto_plots(board.loc[["bp", "fa"]]) == []


def test_the_page(board):
    page = to_markdown(board)
    assert "epochs to 97 %" in page and "| FM " in page
    assert to_csv(board).splitlines()[0].startswith("dataset,network,algorithm")


def test_what_was_not_counted_is_left_out():
    board = cost_board([run("bp", "a", 98.0, [98.0])], {})
    assert len(board) == 0 and "# What accuracy costs" in to_markdown(board)
