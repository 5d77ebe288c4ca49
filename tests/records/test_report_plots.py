"""Plots are drawn for every dataset and network, and show what the records hold."""

import pytest

from benchmark.errors import UserError
from benchmark.report import plots, records, write_plots

PNG = b"\x89PNG\r\n"


def test_every_group_is_drawn(tmp_path, record):
    angles = {"blocks.0": [[0, 90.0], [2, 60.0]]}
    tp = {"row.algorithm.name": "tp"}
    made = [
        record(),
        record(seed=1),
        record({"row.algorithm.name": "fa"}, row_hash="1" * 12, alignment=angles),
        record(tp, row_hash="2" * 12, status="diverged", metrics={}),
        record({"dataset.name": "cifar10", "curve": []}, row_hash="3" * 12),
        record({"environment.device_name": "GPU"}, row_hash="4" * 12),
    ]
    for one in made:
        records.save(tmp_path, one)
    paths = write_plots(tmp_path)
    assert sorted(path.name for path in paths) == [
        "alignment-mnist-mlp-1024-relu-fa-111111111111.png",
        "cost-cifar10-mlp-1024-relu-test-cpu.png",
        "cost-mnist-mlp-1024-relu-gpu.png",
        "cost-mnist-mlp-1024-relu-test-cpu.png",
        "curves-mnist-mlp-1024-relu.png",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in paths)


def test_without_records_nothing_is_drawn(tmp_path):
    with pytest.raises(UserError, match="no records in"):
        write_plots(tmp_path)


def test_the_curve_is_over_the_seeds_that_finished(record):
    lost = record(seed=1, status="diverged")
    curve = plots._curve([record(), lost], "val_acc")
    assert curve.to_dict() == {0: {1: 96.0, 2: 98.1}}


def test_labels_keep_their_distance_and_move_little():
    assert plots._spread([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])
    assert plots._spread([0.5, 0.5, 0.5], 0.1) == pytest.approx([0.4, 0.5, 0.6])
    assert plots._spread([0.98, 0.99], 0.1) == pytest.approx([0.9, 1.0])
    assert plots._spread([0.0, 0.01], 0.1) == pytest.approx([0.0, 0.1])
