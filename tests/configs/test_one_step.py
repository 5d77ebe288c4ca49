"""Papers' rows train: one of each kind, two steps in the real loop. All are built in test_configs.

Rows are of one kind where they differ in numbers alone (a width, a scale), in what makes the
network of that name, in their optimizer or in their images.
"""

import json
from collections.abc import Mapping

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
BIG = {"local_cifar", "hopfield_conv", "resnet56"}
GREY = {"mnist", "fashion_mnist"}


OTHERS = ("bench", "tune", "evolve")
PAPERS = sorted(p for p in CONFIGS.glob("*/*.yaml") if p.parent.name not in OTHERS)


def kind(value):
    """A config without its numbers and sizes; zero is no number, it turns something off."""
    if isinstance(value, Mapping):
        told = {k: kind(v) for k, v in value.items() if k not in ("variant", "published")}
        return {k: v for k, v in told.items() if v is not None}
    if isinstance(value, int | float | list) and not isinstance(value, bool):
        return None if value else 0
    return value


def one_of_each_kind():
    """The first config of each kind that takes no seconds a step: small, on grey images."""
    found = {}
    for path in sorted(
        PAPERS, key=lambda p: (names_in(p).dataset not in GREY, "small" not in p.stem)
    ):
        names = names_in(path)
        if names.network not in BIG and names.dataset != "imagenet":
            config = read_config(path)
            parts = {k: v for k, v in config.items() if k not in ("data", "network", "optim")}
            key = [names.network, kind(parts)]
            found.setdefault(json.dumps(key, sort_keys=True), path)
    return list(found.values())


def noise(data):
    """Four training and two test images of a data set's shape."""
    rng, shape = np.random.default_rng(0), (1, 28, 28) if data.name in GREY else (3, 32, 32)
    train, test = (
        Part(rng.integers(0, 256, (n, *shape), dtype=np.uint8), rng.integers(0, data.count, n))
        for n in (4, 2)
    )
    return Decoded.of(data.name, train, test, classes=data.count)


@pytest.mark.parametrize("path", one_of_each_kind(), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_two_steps(path, tmp_path, monkeypatch):
    monkeypatch.setattr(VisionData, "decode", noise)
    before = read_config(path)["algorithm"].get("decoder_epochs", 0)  # the weights learn
    options = ["--data.batch_size=2", "--data.val_size=0", f"--epochs={before + 1}"]
    row = read_row(names_in(path), path, options)
    trained = train(row, 0, Machine(accelerator="cpu"), tmp_path, Measure())
    assert not trained.diverged
    steps = 2 * trained.data.frames
    assert trained.data.steps_per_epoch == trained.algorithm.steps_done == steps
