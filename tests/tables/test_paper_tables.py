"""The tables are a pure function of the records: in the paper's layout, whole, byte for byte."""

import csv
import random
import re
import subprocess
import sys

import pytest

from benchmark.cli import main
from benchmark.errors import UserError
from benchmark.suite.records import records
from benchmark.suite.tables import write_tables
from benchmark.suite.tables.cells import compare, rows_by_cell
from benchmark.suite.tables.compared import Entry, beside_bp
from benchmark.suite.tables.manifest import Printed
from tests.records.conftest import identified
from tests.tables.samples import NET, PAPER, runs, write_manifest

MARKS = ("start", "end")
FILES = ("cells.csv", "overview.md", f"{PAPER}.csv", f"{PAPER}.md", f"{PAPER}.tex")
COLUMNS = (
    "paper,cell,statistic,published,published_sd,budget,n_seeds,n_failed,measured,measured_sd,"
    "verdict"
)


def some_records():
    tanh = {"row.network.hidden": [800, 800], "row.network.activation": "tanh"}
    long = f"{PAPER}/mnist/100x240-tanh/dfa"
    return [
        *runs(f"{NET}/bp", "a", [98.40, 98.35, 98.45], tanh),
        *runs(f"{NET}/fa", "b", [98.00, 98.05, 98.02, None], tanh | {"row.algorithm.name": "fa"}),
        *runs(f"{NET}/fa", "c", [97.0], tanh | {"row.algorithm.name": "fa", "row.epochs": 30}),
        *runs(f"{NET}/dfa", "d", [98.3], tanh | {"row.algorithm.name": "dfa"}),
        *runs(long, "e", [95.0], {"row.algorithm.name": "dfa", "row.epochs": 30}),
    ]


@pytest.fixture
def made(tmp_path):
    """A results folder with records, and a folder with one manifest."""
    for record in some_records():
        records.save(tmp_path / "results", identified(record))
    write_manifest(tmp_path / "manifests")
    return tmp_path / "results", tmp_path / "manifests"


def write(made, paper=PAPER, **options):
    return write_tables(made[0], paper, manifests=made[1], **options)


def content(made):
    return {name: (made[0] / "tables" / name).read_text() for name in FILES}


def test_the_page_has_the_papers_layout(made):
    write(made)
    page = content(made)[f"{PAPER}.md"]
    lines = [re.split(r" *\| *", line)[1:-1] for line in page.splitlines() if line[:1] == "|"]
    assert lines[0] == ["model", "BP", "FA", "DFA"]
    assert lines[2] == [
        "2x800 tanh",
        "1.60 ± 0.05 (3) / 1.60 ± 0.06 / reproduced",
        r"1.98 ± 0.03 (4, 1 failed) / 1.64 ± 0.03 \* / worse",
        "1.70 (1) / 1.74 ± 0.08 / reproduced (one seed)",
    ]
    assert lines[3][:3] == ["100x240 tanh", "", ""]
    assert lines[3][3] == (
        "30 of 299 epochs (1) / 3.92 ± 0.09 / short<br>train 30 of 299 epochs (1) / 0.12 / short"
    )
    assert "worse by 0.34 points of error" in page
    assert "Tried: two more learning rates." in page
    (short,) = {identified(r)["row_hash"] for r in some_records() if r["row_hash"] == "c" * 12}
    assert f"row {short}, 30 of 299 epochs, 55000 images: 3.00 (1)." in page
    assert "the paper's number: the best epoch." in page
    # seed by seed 0.40 0.30 0.43: sd 0.0681, se 0.0393, t(2) = 4.3027; Holm over one test
    assert "2x800 tanh, FA: +0.38 ± 0.17 (3 seeds), p = 0.011." in page
    assert "2x800 tanh, DFA: +0.10 (one seed)." in page


@pytest.mark.parametrize(
    ("bp", "fa", "compared"),
    [
        ({}, {}, True),
        ({}, {"row.optim.lr": 0.5}, True),  # tuned for each rule
        ({}, {"row.epochs": 301}, False),
        ({}, {"row.network.bias": True}, False),
        ({}, {"dataset.train": 60000, "dataset.val": 0}, False),
        ({"row.epochs": 298}, {"row.epochs": 298}, False),  # short, both
    ],
)
def test_a_rule_is_compared_with_bp_on_the_same_task_only(bp, fa, compared):
    made = runs(f"{NET}/bp", "a", [98.4, 98.3], bp)
    made += runs(f"{NET}/fa", "b", [98.0, 98.0], fa | {"row.algorithm.name": "fa"})
    rows = rows_by_cell(made)
    entries = [
        Entry("2x800 tanh", rule, compare(Printed(f"{NET}/{rule}"), rows)) for rule in ("bp", "fa")
    ]
    assert (beside_bp(entries)[1].pair is not None) is compared


def test_cells_csv(made):
    write(made, None)
    text = content(made)["cells.csv"]
    assert text.splitlines()[0] == COLUMNS
    lines = {line["cell"]: line for line in csv.DictReader(text.splitlines())}
    assert list(lines[f"{NET}/fa"].values()) == [
        PAPER, f"{NET}/fa", "test_last", "1.64", "0.03", "1", "4", "1", "1.9767", "0.0252", "worse",
    ]  # fmt: skip
    assert lines[f"{PAPER}/mnist/100x240-tanh/dfa"]["budget"] == "0.1003"
    assert len(lines) == 5


def test_the_overview_counts_every_cell_once(made):
    text = write(made, None)
    assert "| **all**" in text
    row = next(line for line in text.splitlines() if line.startswith("| **all**"))
    assert re.findall(r"\d+", row) == ["5", "2", "0", "1", "0", "2", "0", "2"]


def test_the_terminal_shows_the_asked_tables(made):
    text = write(made, only="mnist")
    assert "Table 1: MNIST" in text and "│ 2x800 tanh" in text
    assert "sample standard deviation" in text  # which ± is which
    with pytest.raises(UserError, match="no table 'cifar10'"):
        write(made, only="cifar10")
    with pytest.raises(UserError, match="no tables of paper 'nokland'"):
        write(made, "nokland")


def test_regeneration_is_byte_identical_whatever_the_order_of_the_records(made, monkeypatch):
    write(made, None)
    first = content(made)
    write(made)
    assert content(made) == first
    known = [identified(record) for record in some_records()]
    shuffled = random.Random(1).sample(known, len(known))
    monkeypatch.setattr("benchmark.suite.tables.write.load", lambda results: shuffled)
    write(made, None)
    assert content(made) == first


def test_a_label_cannot_break_a_table(made):
    write_manifest(made[1], label="a|b & <script>_x_ 5%", column=r"\x{y}$#~^")
    write(made)
    page, tex = (content(made)[f"{PAPER}.{kind}"] for kind in ("md", "tex"))
    row = next(line for line in page.splitlines() if "script" in line and line[0] == "|")
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert "<script>" not in page and r"a\|b & &lt;script&gt;\_x\_ 5%" in page
    assert r"a\textbar{}b \& \textless{}script\textgreater{}\_x\_ 5\%" in tex
    assert r"\textbackslash{}x\{y\}\$\#\textasciitilde{}\textasciicircum{}" in tex


def test_the_tex_table_is_well_formed(made):
    write(made)
    tex = content(made)[f"{PAPER}.tex"]
    assert tex.count("{") - tex.count(r"\{") == tex.count("}") - tex.count(r"\}")
    body = tex[tex.index(r"\midrule") : tex.index(r"\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith(r" \\")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [3, 3]
    assert not re.search("[±†‡]", tex)


def test_the_readmes_section_is_refreshed(made, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- tables:start -->\nold\n<!-- tables:end -->\nb\n")
    write(made, None, readme=readme)
    assert f"[Nøkland 2016](results/tables/{PAPER}.md)" in readme.read_text()
    assert "old" not in readme.read_text() and readme.read_text().endswith("end -->\nb\n")


def test_tables_import_neither_torch_nor_lightning():
    code = (
        "import sys, benchmark.suite.tables\n"
        "sys.exit(bool({'torch', 'lightning', 'torchvision'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_leaderboard_command_writes_the_tables_too(made, tmp_path, capsys):
    readme = tmp_path / "README.md"
    marks = [f"<!-- {name}:{end} -->" for name in ("tables", "leaderboard") for end in MARKS]
    readme.write_text("\n".join(marks))
    assert main(["leaderboard", "--results", str(made[0]), "--readme", str(readme)]) == 0
    assert (made[0] / "tables" / "cells.csv").read_text().startswith(COLUMNS)
    assert "| **all**" in readme.read_text() and "mlp 2x800 tanh" in readme.read_text()
    assert "overview.md" in capsys.readouterr().out
