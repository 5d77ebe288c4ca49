"""The ImageNet rows of papers train two steps on a small tree of images."""

import pytest
from data_samples import REAL

from benchmark.measure import Measure
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import names_in, read_row
from benchmark.suite.run.runner import train

ROWS = sorted(CONFIGS.glob("*/imagenet-*.yaml"))
SAMPLE = REAL / "imagenet-sample"


def trained(path, root, folder, *options):
    """A row after its first epoch, on small images."""
    small = ["--data.size=32", "--data.workers=0", "--epochs=1", f"--data.root={root}"]
    row = read_row(names_in(path), path, [*small, *options])
    return train(row, 0, Machine(accelerator="cpu"), folder, Measure())


@pytest.mark.parametrize("path", ROWS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_two_steps(path, image_tree, tmp_path):
    root = image_tree({"train": 4, "val": 1}, size=(80, 72), ext="jpg")
    run = trained(path, root, tmp_path / "run", "--data.batch_size=4")
    assert not run.diverged
    assert run.data.steps_per_epoch == 2 and run.algorithm.steps_done == 2


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="needs a sample of ImageNet")
def test_two_steps_on_photographs(tmp_path):
    path = CONFIGS / "bartunov2018" / "imagenet-local_imagenet-bp.yaml"
    run = trained(path, SAMPLE, tmp_path, "--data.batch_size=150")
    assert not run.diverged and run.algorithm.steps_done == 2
    assert run.data.classes == 10
