"""The rows of a paper's tables, and the command that trains them."""

import pytest

from benchmark.cli import main
from benchmark.errors import UserError
from benchmark.suite.launch.table import table_rows
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.rows.parse import names_in, read_row
from benchmark.suite.tables import manifest
from tests.launch.jobs import runs

PAPER = "srinivasan2023_topdown"


def test_one_row_for_each_config_as_published():
    rows = table_rows(
        PAPER, "mnist", "5", ["--data.root=elsewhere", "--machine.accelerator", "cpu"]
    )
    configs = manifest.read(PAPER).configs("mnist")
    assert [row.row.hash for row in rows] == [
        read_row(names_in(CONFIGS / c), CONFIGS / c, []).hash for c in configs
    ]
    assert {row.row.data["root"] for row in rows} == {"elsewhere"}
    assert all(row.seeds == [0, 1, 2, 3, 4] for row in rows)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--epochs", "1"], "--epochs would change the table's settings"),
        (["--optim.lr=1"], "--optim.lr would change the table's settings"),
        (["--machine.gpus=1"], "unknown option --machine.gpus"),
        (["stray"], "unexpected 'stray'"),
    ],
)
def test_options_that_change_a_row_are_refused(args, words):
    with pytest.raises(UserError, match=words):
        table_rows(PAPER, "mnist", "1", args)


def test_table_trains_what_is_missing_and_prints(tmp_path, monkeypatch, capsys):
    """The rows are tiny ones here; the manifest's own take minutes."""
    (job,) = runs("bp", epochs=1)
    row = table_rows(PAPER, "mnist", "1", [])[0]._replace(row=job.row, seeds=[0, 1])
    monkeypatch.setattr("benchmark.suite.launch.table.table_rows", lambda *_: [row])
    command = ["table", "--paper", PAPER, "--workers", "1", "--results", str(tmp_path)]
    assert main(command) == 0 and main(command) == 0
    assert len(list((tmp_path / "records").glob("*.json"))) == 2
    assert (tmp_path / "tables" / f"{PAPER}.md").exists()
    assert capsys.readouterr().err.count("0/1") <= 2  # the second time nothing is trained
