"""Records and a manifest for tables, made in code."""

import yaml

from benchmark.suite.tables.cells import compare, rows_by_cell
from benchmark.suite.tables.manifest import Printed
from tests.records.conftest import make_record

PAPER = "nokland2016_dfa"
NET = f"{PAPER}/mnist/2x800-tanh"  # published errors, 299 epochs: bp 1.60 ± 0.06, fa 1.64 ± 0.03


def runs(cell, row_hash, accuracies, changes=None, **top):
    """One record of a row per accuracy, 299 epochs; None is a seed that diverged."""
    made = []
    for seed, accuracy in enumerate(accuracies):
        fields = {"row.published": cell, "row.epochs": 299, "metrics.test_acc": accuracy}
        one = make_record(fields | (changes or {}), row_hash=row_hash * 12, seed=seed, **top)
        lost = {"status": "diverged", "metrics": {}, "curve": []} if accuracy is None else {}
        made.append(one | lost)
    return made


def compared_with(records, cell=f"{NET}/bp", **printed):
    return compare(Printed(cell, "some.yaml", **printed), rows_by_cell(records))


def write_manifest(folder, label="2x800 tanh", column="FA"):
    """Two lines and three columns; a blank cell, two numbers in one cell."""
    long = f"{PAPER}/mnist/100x240-tanh/dfa"
    train = {"cell": f"{long}/train", "row": long, "statistic": "train_last"}
    fa = {"cell": f"{NET}/fa", "tried": "two more learning rates", "paper_used": "the best epoch"}
    lines = [
        (label, [[{"cell": f"{NET}/bp"}], [fa], [{"cell": f"{NET}/dfa"}]]),
        ("100x240 tanh", [None, None, [{"cell": long}, train]]),
    ]
    table = {
        "id": "mnist",
        "title": "Table 1: MNIST",
        "dataset": "mnist",
        "corner": "model",
        "columns": ["BP", column, "DFA"],
        "rows": [{"label": name, "cells": cells} for name, cells in lines],
    }
    folder.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_dump({"paper": PAPER, "tables": [table]})
    (folder / f"{PAPER}.yaml").write_text(content)
