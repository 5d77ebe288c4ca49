"""Synthetic records, made in code."""

import copy
from typing import Any

import pytest

from benchmark.suite.records.schema import hash_of

RECORD: dict[str, Any] = {
    "schema": 1,
    "row": {
        "algorithm": {"name": "bp"},
        "network": {"name": "mlp", "hidden": [1024], "activation": "relu", "bias": False},
        "data": {"name": "mnist", "batch_size": 64, "val_size": 5000, "augment": "none"},
        "optim": {"name": "sgd", "lr": 0.1},
        "loss": "cross_entropy",
        "epochs": 2,
        "variant": "",
        "published": "",
    },
    "row_hash": "0" * 12,
    "seed": 0,
    "status": "ok",
    "dataset": {"name": "mnist", "sha256": "ab", "train": 55000, "val": 5000, "test": 10000},
    "metrics": {"train_acc": 99.5, "train_loss": 0.02, "val_acc": 98.1, "test_acc": 98.0},
    "curve": [
        {"epoch": 1, "train_acc": 95.0, "val_acc": 96.0, "seconds": 4.0},
        {"epoch": 2, "train_acc": 99.5, "val_acc": 98.1, "seconds": 8.0},
    ],
    "cost": {"seconds": 8.0, "samples_per_second": 13750.0, "peak_memory_mb": 512.0},
    "environment": {"device": "cpu", "device_name": "Test CPU"},
    "weights_sha256": "cd",
    "finished": "2026-11-21T05:00:00Z",
}


def make_record(changes: dict[str, Any] | None = None, /, **top: Any) -> dict[str, Any]:
    """A valid record; ``changes`` maps dotted fields to values, ``top`` names top-level ones."""
    record = copy.deepcopy(RECORD)
    for field, value in ((changes or {}) | top).items():
        *path, last = field.split(".")
        table = record
        for key in path:
            table = table[key]
        table[last] = value
    return record


def identified(record: dict[str, Any]) -> dict[str, Any]:
    """The record as a file may hold it: with its row's identity, and the hash of that.

    Its precision keeps the hash that it had: rows that differed by this alone still do.
    """
    row = record["row"] | {"precision": record["row_hash"]}
    parts = ("algorithm", "network", "data", "optim", "epochs", "precision")
    identity = {part: row[part] for part in parts}
    return record | {"row": row, "identity": identity, "row_hash": hash_of(identity)}


@pytest.fixture
def record():
    return make_record
