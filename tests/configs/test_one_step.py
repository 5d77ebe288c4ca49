"""Every paper's row on a small network trains: two steps on random images, in the real loop."""

import numpy as np
import pytest

from benchmark.data.decoded import Decoded, Part
from benchmark.data.vision import VisionData
from benchmark.measure import Measure
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import names_in, read_config, read_row
from benchmark.suite.run.runner import train

# What takes seconds a step; these are parsed (test_configs.py), as all others are. Those of
# ImageNet train on a small tree of images in tests/data.
BIG = {"local_cifar", "hopfield_conv"}
GREY = {"mnist", "fashion_mnist"}


def is_small(path):
    names = names_in(path)
    return names.network not in BIG and names.dataset != "imagenet"


PAPERS = sorted(p for p in CONFIGS.glob("*/*.yaml") if p.parent.name not in ("bench", "tune"))
SMALL = [p for p in PAPERS if is_small(p)]


def noise(data):
    """Four training and two test images of a data set's shape."""
    rng, shape = np.random.default_rng(0), (1, 28, 28) if data.name in GREY else (3, 32, 32)
    train, test = (
        Part(rng.integers(0, 256, (n, *shape), dtype=np.uint8), rng.integers(0, data.count, n))
        for n in (4, 2)
    )
    return Decoded.of(data.name, train, test, classes=data.count)


@pytest.mark.parametrize("path", SMALL, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_two_steps(path, tmp_path, monkeypatch):
    monkeypatch.setattr(VisionData, "decode", noise)
    before = read_config(path)["algorithm"].get("decoder_epochs", 0)  # the weights learn
    options = ["--data.batch_size=2", "--data.val_size=0", f"--epochs={before + 1}"]
    row = read_row(names_in(path), path, options)
    trained = train(row, 0, Machine(accelerator="cpu"), tmp_path, Measure())
    assert not trained.diverged
    assert trained.data.steps_per_epoch == 2 and trained.algorithm.steps_done == 2
