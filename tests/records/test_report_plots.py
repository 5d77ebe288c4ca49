"""Plots are drawn for every dataset and network, and show what the records hold."""

import pytest

from benchmark.errors import UserError
from benchmark.suite.records import records
from benchmark.suite.tables import looks, series, write_plots
from tests.records.conftest import identified

PNG = b"\x89PNG\r\n"


def test_every_group_is_drawn(tmp_path, record):
    angles = {
        "update/blocks.0": [[0, 90.0], [2, 60.0]],
        "norm_ratio/blocks.0": [[0, 0.0], [2, None]],
    }
    tp = {"row.algorithm.name": "tp"}
    made = [
        record(),
        record(seed=1),
        record({"row.algorithm.name": "fa"}, row_hash="1" * 12, alignment=angles),
        record(tp, row_hash="2" * 12, status="diverged", metrics={}),
        record(
            {"dataset.name": "cifar10", "row.data.name": "cifar10", "curve": []}, row_hash="3" * 12
        ),
        record({"environment.device_name": "GPU"}, row_hash="4" * 12),
    ]
    for one in made:
        records.save(tmp_path, identified(one))
    paths = write_plots(tmp_path)
    assert {path.suffix for path in paths} == {".png", ".svg"}
    assert sorted(path.stem for path in paths if path.suffix == ".svg") == sorted(
        path.stem for path in paths if path.suffix == ".png"
    )
    assert sorted(path.name for path in paths if path.suffix == ".png") == [
        f"alignment-mnist-mlp-1024-relu-fa-{identified(made[2])['row_hash']}.png",
        "cost-cifar10-mlp-1024-relu-test-cpu.png",
        "cost-mnist-mlp-1024-relu-gpu.png",
        "cost-mnist-mlp-1024-relu-test-cpu.png",
        "curves-mnist-mlp-1024-relu-2-epochs.png",
    ]
    starts = {".png": PNG, ".svg": b"<?xml"}
    assert all(path.read_bytes().startswith(starts[path.suffix]) for path in paths)


def test_without_records_nothing_is_drawn(tmp_path):
    with pytest.raises(UserError, match="no records in"):
        write_plots(tmp_path)


def test_the_curve_is_over_the_seeds_that_finished(record):
    lost = record(seed=1, status="diverged")
    curve = series.curve([record(), lost], "val_acc")
    assert curve.to_dict() == {0: {1: 96.0, 2: 98.1}}


def test_measurements_are_by_quantity_and_layer_over_the_seeds_that_finished(record):
    angles = {
        "norm_ratio/a": [[0, 2.0]],
        "update/a": [[0, 90.0], [2, 60.0]],
        "update/b": [[0, None]],
    }
    lost = record(seed=2, status="diverged", alignment=angles)
    tables = series.measurements([record(alignment=angles), record(seed=1), lost])
    assert list(tables) == ["update", "norm_ratio"]
    assert tables["update"]["a"].to_dict() == {0: {0: 90.0, 2: 60.0}}
    assert tables["update"]["b"].isna().all(axis=None)


def test_layers_stand_in_the_order_of_the_network():
    lists = [["1", "2", "3"], ["input", "1", "3", "4"], ["2"]]
    assert series.in_order(lists) == ["input", "1", "2", "3", "4"]
    some = series.some([str(k) for k in range(57)])
    assert len(some) == series.LEGEND and some[0] == "0" and some[-1] == "56"
    assert series.some(["only"]) == ["only"] and series.some([]) == []


def test_labels_keep_their_distance_and_move_little():
    assert looks.spread([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])
    assert looks.spread([0.5, 0.5, 0.5], 0.1) == pytest.approx([0.4, 0.5, 0.6])
    assert looks.spread([0.98, 0.99], 0.1) == pytest.approx([0.9, 1.0])
    assert looks.spread([0.0, 0.01], 0.1) == pytest.approx([0.0, 0.1])
