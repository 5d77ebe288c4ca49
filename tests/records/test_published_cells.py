"""The published numbers are whole, their ids unique, and matched by id alone."""

import pytest

from benchmark.errors import UserError
from benchmark.suite.records.places import PUBLISHED
from benchmark.suite.records.published import cells, lookup

CELLS = cells()


RATES = ("test_acc", "test_err", "train_err", "test_acc_top5", "test_err_top5", "adv_acc")
COUNTS = ("generations", "evaluations", "hidden_nodes")
RANGES = ["scellier2017_ep/mnist/784-500-10/ep/1-to-3-hidden-layers"]


def test_every_cell_is_there_and_well_formed():
    assert len(CELLS) == 806
    assert sum(cell.status == "verified" for cell in CELLS.values()) == 636
    for name, cell in CELLS.items():
        assert name == cell.cell == name.lower() and name.startswith(f"{cell.paper_key}/")
        assert cell.status in ("verified", "unverified")
        assert cell.metric in RATES + COUNTS
        assert cell.std_or_none is None or cell.std_or_none >= 0
        assert cell.n_or_none is None or cell.n_or_none > 0
        assert cell.epochs_or_none is None or cell.epochs_or_none > 0


def test_all_cells_but_counts_and_a_range_are_error_rates():
    rates = [cell for cell in CELLS.values() if cell.metric in RATES]
    assert len(rates) == 796
    assert [cell.cell for cell in rates if " to " in cell.value] == RANGES
    assert all(0 <= cell.error < 100 for cell in rates if cell.cell not in RANGES)
    for cell in rates:
        if cell.metric in ("test_acc", "test_err") and cell.cell not in RANGES:
            assert cell.test_acc == pytest.approx(100 - cell.error)


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("nokland2016_dfa/mnist/7x240-tanh/dfa", 2.32),
        ("nokland2016_dfa/mnist/7x240-tanh/dfa/train", 0.03),
        ("dellaferrera2022_pepita/mnist/fc1024/bp", 1.37),
        ("laborieux2022_hep/imagenet32/conv4/bp/top5", 39.11),
        ("bartunov2018/imagenet/lc/fa/top5", 82.54),
        ("sanfiz2021_biotorch/cifar10/resnet-20/fa/square-eps-0.03103", 67.6),
    ],
)
def test_whatever_a_paper_reports_is_an_error_rate(cell, error):
    assert lookup(cell).error == pytest.approx(error)


@pytest.mark.parametrize("cell", [*RANGES, "stanley2002_neat/xor/neat/evaluations"])
def test_a_range_and_a_count_are_none(cell):
    with pytest.raises(UserError, match=cell):
        _ = lookup(cell).error


def test_the_length_of_a_papers_run_is_known_or_empty():
    lengths = {name: cell.epochs_or_none for name, cell in CELLS.items()}
    mnist = {n for name, n in lengths.items() if name.startswith("nokland2016_dfa/mnist/")}
    assert mnist == {299}  # the code's loop ends before the 300th
    assert lengths["sanfiz2021_biotorch/imagenet/resnet-18/bp/sgd"] == 75
    assert lengths["lillicrap2016_fa/mnist/784-1000-10/bp"] is None
    assert lookup("lillicrap2016_fa/mnist/784-1000-10/bp").n_or_none == 20


def test_an_error_is_converted_to_an_accuracy():
    assert lookup("nokland2016_dfa/mnist/1x800-tanh/dfa").test_acc == pytest.approx(98.32)
    pepita = lookup("dellaferrera2022_pepita/mnist/fc1024/pepita")
    assert (pepita.test_acc, pepita.std_or_none, pepita.status) == (98.01, 0.09, "verified")
    assert pepita.source == "Dellaferrera & Kreiman 2022, Table 1"


@pytest.mark.parametrize(
    "cell",
    [
        "bartunov2018/imagenet/lc/bp/top5",
        "hinton2022_ff/cifar10/local-rf-2/bp/train",
        "scellier2017_ep/mnist/784-500-10/ep/1-to-3-hidden-layers",
    ],
)
def test_what_is_no_test_accuracy_is_not_compared(cell):
    with pytest.raises(UserError, match=cell):
        _ = lookup(cell).test_acc


def test_an_unknown_id_lists_near_ones():
    with pytest.raises(UserError, match="did you mean dellaferrera2022_pepita/mnist/fc1024/pepita"):
        lookup("dellaferrera2022_pepita/mnist/fc1024/pepit")
    with pytest.raises(UserError, match="did you mean lee2015_dtp"):
        lookup("lee2015dtp/mnist/7x240-tanh/dtp")


def test_an_id_that_stands_twice_is_an_error(tmp_path):
    (tmp_path / "papers.csv").write_text((PUBLISHED / "papers.csv").read_text())
    text = (PUBLISHED / "cells.csv").read_text()
    (tmp_path / "cells.csv").write_text(text + text.splitlines()[-1] + "\n")
    with pytest.raises(UserError, match="stands twice"):
        cells(tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"papers\.csv"):
        cells(tmp_path)
