"""The page: nothing that a record says is HTML, every link leads somewhere, nothing is fetched."""

import errno
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.algorithms import ALGORITHMS
from benchmark.cli import main
from benchmark.errors import UserError
from benchmark.suite.records import records
from benchmark.suite.tables import leaderboard
from benchmark.suite.tables.page import charts, write_page
from benchmark.suite.tables.page.rulebook import rules
from benchmark.suite.tables.page.runs import Runs
from tests.records.conftest import identified, make_record
from tests.tables.pages import HOSTILE, TEMPLATE, Page, fill, pages


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "results"
    fill(folder)
    assert write_page(folder) == len(pages(folder)) > len(rules())
    return folder


def test_hostile_names_stay_text(results):
    read = pages(results)
    for page in read.values():
        tags = [tag for tag, _ in page.elements]
        assert {tag: tags.count(tag) for tag in ("script", "style", "title", "img", "iframe")} == {
            "script": 1, "style": 1, "title": 1, "img": 0, "iframe": 0
        }, page.path  # fmt: skip
        assert not [a for _, attrs in page.elements for a in attrs if a.startswith("on")], page.path
        assert not [href for href in page.every("href") if ":" in href.split("/")[0]], page.path
    board = read[results / "page" / "board.html"].text
    assert all(f"fa ({text})" in board for text in HOSTILE)
    assert TEMPLATE in board and "49" not in board


def test_every_link_leads_somewhere(results):
    read = pages(results)
    to_records = set()
    for page in read.values():
        for file, anchor in page.links():
            assert file.is_file(), (page.path, file)
            if anchor:
                assert anchor in read[file].every("id"), (page.path, file, anchor)
            to_records |= {file} - {*read}
        ids = page.every("id")
        assert len(ids) == len(set(ids)), page.path
    others = {*(results / "robustness").iterdir(), *(results / "evolve").iterdir()}
    assert to_records == {*(results / "records").iterdir(), *others}
    reached, todo = set(), [results / "page" / "index.html"]
    while todo:
        reached.add(path := todo.pop())
        todo += [file for file, _ in read[path].links() if file in read and file not in reached]
    assert reached == set(read)


def test_nothing_is_loaded_from_elsewhere(results):
    for page in pages(results).values():
        assert not page.every("src"), page.path
        assert "link" not in {tag for tag, _ in page.elements}
        assert not re.search(r"https?:|url\(|@import|import\(|fetch\(|eval\(", page.raw)
        assert not re.search(r"//\w+\.\w+/", " ".join(page.every("href")))
        (policy,) = (a["content"] for _, a in page.elements if a.get("http-equiv"))
        assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy


def test_a_number_leads_to_its_runs_and_to_what_repeats_them(results):
    read = pages(results)
    board = read[results / "page" / "board.html"]
    assert "98.10 ± 0.14" in board.text  # 98.0 and 98.2
    group = read[results / "page" / "runs" / "mnist-mlp-1024-relu.html"]
    bp = identified(make_record())["row_hash"]
    assert f"make rerun RECORD=results/records/mnist-mlp-bp-{bp}-s1.json" in group.text
    assert "make rerun RECORD='results/records/a #1 %41 & '\"'\"'b'\"'\"'-555" in group.text
    assert (
        "ended at chance: test 10.00 %" in group.text and "diverged in epoch 0 of 2" in group.text
    )
    rule = read[results / "page" / "rules" / "dfa.html"].text
    assert "make bench ALGO=dfa" in rule and "Delta W_k = -lr delta_k h_{k-1}^T" in rule
    paper = read[results / "page" / "papers" / "nokland2016_dfa.html"].text
    assert "2 of 299 epochs (2)" in paper and "◔ short" in paper


def test_what_was_measured_has_a_page(results):
    titles = {path.name: page.text for path, page in pages(results).items()}
    assert "At equal budgets" in titles["equal.html"]
    assert "PGD 0.03103true gradient2.0" in "".join(titles["robustness.html"].split("\n"))
    assert "60.4" in titles["audit.html"] and "66.0" in titles["evolution.html"]
    assert "7.17" in titles["machines.html"]


def test_what_was_not_measured_has_none(tmp_path):
    records.save(tmp_path, identified(make_record()))
    write_page(tmp_path)
    names = {path.name for path in (tmp_path / "page").glob("*.html")}
    assert names == {"index.html", "board.html"}


def test_the_same_bytes_again_without_torch(results, tmp_path):
    page = results / "page"
    first = {path.relative_to(page): path.read_bytes() for path in page.rglob("*.html")}
    code = (
        "import sys; from benchmark.cli import main; main(['page', '--results', sys.argv[1]]); "
        "sys.exit(bool({'torch', 'lightning', 'torchvision'} & set(sys.modules)))"
    )
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, results], cwd=Path(__file__).parents[2], check=True,
            env={"PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert {p.relative_to(page): p.read_bytes() for p in page.rglob("*.html")} == first


def test_rules_are_read_as_they_are():
    assert list(rules()) == list(ALGORITHMS)
    for name, rule in rules().items():
        cls = ALGORITHMS[name]
        assert rule.text == inspect.cleandoc(cls.__doc__)
        assert Path(rule.file).stem == cls.__module__.rpartition(".")[2]
        assert rule.family == cls.traits.family


def test_a_broken_record_is_one_line_and_no_page(tmp_path, capsys):
    records.save(tmp_path, identified(make_record()))
    (tmp_path / "records" / "broken.json").write_text('{"schema": 1}')
    assert main(["page", "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("error: broken record") and not (tmp_path / "page").exists()
    assert main(["page", "--results", str(tmp_path / "none")]) == 2
    assert "no records in" in capsys.readouterr().err


def test_a_full_disk_leaves_the_page_as_it_was(tmp_path, monkeypatch):
    records.save(tmp_path, identified(make_record()))
    write_page(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    other = records.save(tmp_path, identified(make_record(seed=1)))
    write, left = Path.write_bytes, [20]

    def full(path, content):
        left[0] -= 1
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left on device; nothing was written"):
        write_page(tmp_path)
    other.unlink()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page", "records"]


def test_what_is_gone_has_no_page_any_more(tmp_path):
    records.save(tmp_path, identified(make_record()))
    records.save(
        tmp_path,
        gone := identified(make_record({"dataset.name": "x", "row.data.name": "x"})),
    )
    write_page(tmp_path)
    assert len(list((tmp_path / "page" / "runs").iterdir())) == 2
    records.remove(tmp_path, gone)
    write_page(tmp_path)
    assert len(list((tmp_path / "page" / "runs").iterdir())) == 1


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    records.save(tmp_path, identified(make_record()))
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="no folder of generated pages"):
        write_page(tmp_path)
    assert (tmp_path / "page" / "thesis.tex").read_text() == "years of work"


def test_of_a_rules_variants_the_best_on_validation_images_is_drawn():
    accs = {"1": (98.0, 90.0), "2": (97.0, 99.0)}
    made = [
        make_record({"metrics.val_acc": val, "metrics.test_acc": test}, row_hash=h * 12)
        for h, (val, test) in accs.items()
    ]
    (group,) = Runs({Path(one["row_hash"]): one for one in made}).groups
    assert {n: [row.hash for row in rows] for n, rows in group.by_epochs().items()} == {
        2: ["1" * 12]
    }


def test_the_board_is_the_leaderboard(results):
    frame = leaderboard.leaderboard(records.load(results))
    board = Page(results / "page" / "board.html")
    hashes = [href.partition("#")[2] for href in board.every("href") if "#" in href]
    assert [h for h in dict.fromkeys(hashes) if h != "content"] == list(
        frame.sort_values(["dataset", "network"], kind="stable")["row_hash"]
    )


def test_the_front_is_a_staircase_through_its_rows():
    accuracies = {"a": 90.0, "b": 95.0, "c": 93.0, "d": 97.0}
    made = [make_record({"metrics.test_acc": a}, row_hash=k * 12) for k, a in accuracies.items()]
    (group,) = Runs({Path(one["row_hash"]): one for one in made}).groups
    values = {k * 12: cost for k, cost in {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}.items()}
    chart = charts.costs("", "cost", group.rows, values, {k * 12 for k in "abd"})
    place = {line.href.rpartition("#")[2][0]: line.end for line in chart.lines}
    assert chart.front[::2] == [place[k] for k in "abd"]  # "c" is outdone by "b"
    corners = [(place[right][0], place[left][1]) for left, right in ("ab", "bd")]
    assert chart.front[1::2] == corners
