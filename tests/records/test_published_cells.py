"""The published numbers are whole, their ids unique, and matched by id alone."""

import pytest

from benchmark.errors import UserError
from benchmark.report.published import FOLDER, cells, lookup

CELLS = cells()


def test_every_cell_is_there_and_well_formed():
    assert len(CELLS) == 508
    assert sum(cell.status == "verified" for cell in CELLS.values()) == 439
    for name, cell in CELLS.items():
        assert name == cell.cell and name.startswith(f"{cell.paper_key}/")
        assert cell.status in ("verified", "unverified")
        assert cell.metric.startswith(("test_acc", "test_err", "train_err"))
        assert cell.std_or_none is None or cell.std_or_none >= 0
        assert not cell.n_seeds or int(cell.n_seeds) > 0


def test_nearly_all_test_cells_are_accuracies():
    comparable = [cell for cell in CELLS.values() if cell.metric in ("test_acc", "test_err")]
    ranges = [cell.cell for cell in comparable if " to " in cell.value]
    assert ranges == ["scellier2017_ep/mnist/784-500-10/ep/1-to-3-hidden-layers"]
    assert all(0 < cell.test_acc < 100 for cell in comparable if cell.cell not in ranges)


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
    (tmp_path / "papers.csv").write_text((FOLDER / "papers.csv").read_text())
    text = (FOLDER / "cells.csv").read_text()
    (tmp_path / "cells.csv").write_text(text + text.splitlines()[-1] + "\n")
    with pytest.raises(UserError, match="stands twice"):
        cells(tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"papers\.csv"):
        cells(tmp_path)
