"""A manifest is read whole and typed; a faulty one is a line that names the place."""

import copy

import pytest
import yaml

from benchmark.errors import UserError
from benchmark.suite.tables import manifest
from benchmark.suite.tables.manifest import Printed

PAPER = "srinivasan2023_topdown"
CELL = f"{PAPER}/mnist/fc1024/pepita"
CONFIG = f"{PAPER}/mnist-mlp-pepita-plain.yaml"
CONTENT = {
    "paper": PAPER,
    "tables": [
        {
            "id": "t1",
            "title": "Table 1",
            "dataset": "mnist",
            "corner": "",
            "columns": ["MNIST", "CIFAR10"],
            "rows": [
                {
                    "label": "plain",
                    "cells": [[{"cell": CELL, "config": CONFIG}], None],
                },
                {
                    "label": "WD",
                    "cells": [
                        [
                            {"cell": f"{CELL}/wd", "config": CONFIG, "tried": "more"},
                            {
                                "cell": f"{CELL}/norm",
                                "row": f"{CELL}/wd",
                                "statistic": "train_last",
                            },
                        ],
                        [{"cell": f"{PAPER}/cifar10/fc1024/pepita/wd"}],
                    ],
                },
            ],
        }
    ],
}


def write(folder, content, paper=PAPER):
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    (folder / f"{paper}.yaml").write_text(text)


def test_a_manifest_is_read_typed(tmp_path):
    write(tmp_path, CONTENT)
    assert manifest.papers(tmp_path) == [PAPER]
    read = manifest.read(PAPER, tmp_path)
    (table,) = read.tables
    assert table.columns == ("MNIST", "CIFAR10")
    assert [row.label for row in table.rows] == ["plain", "WD"]
    assert table.rows[0].cells == ((Printed(CELL, CONFIG),), ())
    assert table.rows[1].cells[0][1].names == f"{CELL}/wd"
    assert [number.statistic for number in table.printed()][2] == "train_last"
    assert read.configs() == [CONFIG] == read.configs("mnist") == read.configs("t1")
    with pytest.raises(UserError, match=r"no table 'cifar': did you mean|known: mnist, t1"):
        read.configs("cifar")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("paper",), "lee2015_dtp", "paper is 'lee2015_dtp', the file's name says"),
        (("papre",), "x", "the file has an unknown key 'papre': did you mean paper"),
        (("tables",), None, "tables is None, not a list"),
        (("tables", 0), "t1", r"tables\[0\] is 't1', not a mapping"),
        (("tables", 0, "columns", 1), 10, r"tables\[0\].columns is 10, not text: put it in quotes"),
        (("tables", 0, "columns"), ["MNIST"], r"rows\[0\] has 2 cells for 1 columns"),
        (("tables", 0, "rows", 0, "cells", 1), "x", r"cells\[1\] is neither null nor a list"),
        (("tables", 0, "rows", 0, "cells", 0, 0), {}, r"rows\[0\].cells\[0\] needs cell"),
        (("tables", 0, "rows", 0, "cells", 0, 0, "cell"), f"{CELL}/wdd", "did you mean"),
        (("tables", 0, "rows", 0, "cells", 0, 0, "row"), "x/y", "unknown published cell 'x/y'"),
        (("tables", 0, "rows", 0, "cells", 0, 0, "cell"), f"{CELL}/wd", "stands twice"),
        (("tables", 0, "rows", 0, "cells", 0, 0, "config"), "a.yaml", "no configs/a.yaml"),
        (("tables", 0, "rows", 1, "cells", 0, 1, "statistic"), "test", "known: test_best_val"),
    ],
)
def test_a_fault_is_one_line_that_names_the_file_and_the_place(tmp_path, place, value, message):
    content = copy.deepcopy(CONTENT)
    target = content
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    write(tmp_path, content)
    with pytest.raises(UserError, match=message) as error:
        manifest.read(PAPER, tmp_path)
    assert str(tmp_path / f"{PAPER}.yaml") in str(error.value)
    assert "\n" not in str(error.value)


def test_broken_yaml_and_an_unknown_paper_are_one_line(tmp_path):
    write(tmp_path, "paper: [\n")
    with pytest.raises(UserError, match="is not valid YAML"):
        manifest.read(PAPER, tmp_path)
    with pytest.raises(UserError, match="no tables of paper 'srinivasan': did you mean"):
        manifest.read("srinivasan", tmp_path)


@pytest.mark.parametrize("paper", manifest.papers())
def test_the_manifests_are_whole_and_their_configs_name_their_cells(paper):
    for table in manifest.read(paper).tables:
        for number in table.printed():
            if number.config:
                config = yaml.safe_load((manifest.CONFIGS / number.config).read_text())
                assert config["published"] == number.names, number.config
