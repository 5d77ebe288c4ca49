"""The leaderboard is a pure function of the records, compared with hand-checked files."""

import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.errors import UserError
from benchmark.suite.records import records
from benchmark.suite.records.labels import network_labels
from benchmark.suite.tables import write_leaderboard
from benchmark.suite.tables.boards import rows_table, to_readme
from benchmark.suite.tables.leaderboard import leaderboard
from tests.records.conftest import identified

START, END = "<!-- leaderboard:start -->", "<!-- leaderboard:end -->"
GOLDEN = Path(__file__).parent / "golden"
README = f"# Title\n\n{START}\nold table\n{END}\n\nThe end.\n"


def runs(record, changes, row_hash, accuracies, **top):
    """One record per accuracy; None is a seed that diverged."""
    made = []
    for seed, accuracy in enumerate(accuracies):
        lost = {"status": "diverged", "metrics": {}, "curve": []} if accuracy is None else {}
        metrics = {"metrics.test_acc": accuracy, "metrics.val_acc": (accuracy or 0) + 0.1}
        made.append(record(metrics | changes, row_hash=row_hash * 12, seed=seed, **top) | lost)
    return made


def few_records(record):
    """Two datasets and networks, backprop twice, divergence, one seed, no validation, published."""
    paper = "dellaferrera2022_pepita/mnist/fc1024"
    pepita = {"row.algorithm.name": "pepita", "row.published": f"{paper}/pepita"}
    drtp = {"row.algorithm.name": "drtp", "row.published": f"{paper}/drtp"}
    tanh = {"row.network.hidden": [800, 800], "row.network.activation": "tanh"}
    cifar = {"row.data.name": "cifar10", "dataset.name": "cifar10", "dataset.train": 45000}
    last = {"train_acc": 99.5, "train_loss": 0.02, "test_acc": 98.2}
    whole = {"dataset.train": 60000, "dataset.val": 0, "metrics": last}
    nokland = {"row.published": "nokland2016_dfa/mnist/2x800-tanh/bp"}
    return [
        *runs(record, {"row.published": f"{paper}/bp"}, "a", [98.6, 98.5, 98.7]),
        *runs(record, {"row.variant": "low lr", "metrics.val_acc": 97.0}, "b", [98.9, 98.9]),
        *runs(record, pepita | {"cost.seconds": 20.0}, "c", [98.0, None, 97.9, 98.1]),
        *runs(record, drtp, "d", [93.0]),
        *runs(record, {"row.algorithm.name": "aa"}, "e", [None, None]),
        *runs(record, tanh | nokland, "1", [98.4, 98.4]),
        *runs(record, cifar | {"row.algorithm.name": "fa"}, "2", [53.0, 54.0]),
        *runs(record, pepita | whole, "3", [98.2]),
    ]


def test_golden_files(tmp_path, record):
    for one in few_records(record):
        records.save(tmp_path, identified(one))
    readme = tmp_path / "README.md"
    readme.write_text(README)
    write_leaderboard(tmp_path, readme)
    for name in ("leaderboard.csv", "leaderboard.md", "README.md"):
        assert (tmp_path / name).read_text() == (GOLDEN / name).read_text(), name


def test_the_order_of_the_records_does_not_matter(record):
    made = few_records(record)
    shuffled = random.Random(1).sample(made, len(made))
    left, right = leaderboard(made), leaderboard(shuffled)
    assert left.round(9).to_csv() == right.round(9).to_csv()
    assert list(left["algorithm"])[1:3] == ["bp", "bp"]  # backprop first


def line(records, row_hash):
    frame = leaderboard(records)
    return frame[frame["row_hash"] == row_hash * 12].iloc[0]


def test_mean_and_sample_deviation_are_over_the_seeds_that_finished(record):
    pepita = line(runs(record, {}, "c", [98.0, None, 97.0, 99.0]), "c")
    assert (pepita["n_seeds"], pepita["n_diverged"]) == (4, 1)
    assert pepita["test_acc_mean"] == pytest.approx(98.0)
    assert pepita["test_acc_sd"] == pytest.approx(1.0)


def test_a_diverged_seed_is_left_out_even_with_an_accuracy(record):
    made = runs(record, {}, "c", [98.0, 10.0])
    made[1]["status"] = "diverged"
    assert line(made, "c")["test_acc_mean"] == 98.0


def test_a_seed_at_chance_failed_and_is_left_out(record):
    pepita = line(runs(record, {}, "c", [98.0, 12.5, 97.0]), "c")
    assert (pepita["n_seeds"], pepita["n_failed"], pepita["n_diverged"]) == (3, 1, 0)
    assert pepita["test_acc_mean"] == pytest.approx(97.5)
    hundred = {"dataset.name": "cifar100"}
    assert line(runs(record, hundred, "c", [12.5, 1.25, 1.26]), "c")["n_failed"] == 1
    assert line(runs(record, hundred | {"dataset.classes": 10}, "c", [12.5]), "c")["n_failed"] == 1


def test_one_seed_has_no_deviation(record):
    assert math.isnan(line(runs(record, {}, "c", [98.0]), "c")["test_acc_sd"])


def test_all_seeds_diverged(record):
    made = runs(record, {}, "c", [None, None])
    assert math.isnan(line(made, "c")["test_acc_mean"])
    assert "- (2, 2 failed)" in rows_table(leaderboard(made), ["c" * 12])


def test_the_difference_is_from_the_backprop_row_with_the_best_validation(record):
    made = [
        *runs(record, {"metrics.val_acc": 98.0}, "a", [98.0, 98.2]),
        *runs(record, {"metrics.val_acc": 97.0}, "b", [99.0, 99.0]),  # better on the test set only
        *runs(record, {"row.algorithm.name": "fa"}, "c", [97.0, 97.4]),
    ]
    fa = line(made, "c")
    assert fa["diff_bp"] == pytest.approx(-0.9)
    # seed by seed -1.0 and -0.8: sd 0.1414, se 0.1, one degree of freedom, t(0.975) = 12.7062
    assert fa["diff_bp_ci95"] == pytest.approx(1.27062, rel=1e-4)
    assert line(made, "a")["diff_bp"] == 0
    assert line(made, "b")["diff_bp"] == pytest.approx(0.9)


def test_without_shared_seeds_the_interval_is_by_welch(record):
    made = runs(record, {}, "a", [98.0, 98.2])
    made += runs(record, {"row.algorithm.name": "fa"}, "c", [97.0, 97.2, None])
    made[2]["seed"], made[3]["seed"] = 7, 8
    fa = line(made, "c")
    assert fa["diff_bp"] == pytest.approx(-1.0)
    # Welch: sd 0.141 each, n = 2 each, so se = 0.141 and df = 2, t(0.975) = 4.3027
    assert fa["diff_bp_ci95"] == pytest.approx(4.3027 * math.sqrt(0.02), rel=1e-4)


@pytest.mark.parametrize(
    ("change", "comparable"),
    [
        ({"row.optim.lr": 0.5}, True),
        ({"row.data.batch_size": 100}, True),
        ({"row.network.dropout": 0.1}, True),
        ({"row.network.init": "zero"}, True),
        ({"row.network.bias": True}, False),
        ({"row.network.activation": "tanh"}, False),
        ({"row.network.hidden": [1024, 1024]}, False),
        ({"row.epochs": 100}, False),
        ({"row.data.augment": "crop_flip"}, False),
        ({"dataset.val": 0, "dataset.train": 60000}, False),
        ({"dataset.sha256": "other"}, False),
        ({"dataset.name": "mnist5k"}, False),
    ],
)
def test_only_the_same_task_is_compared_with_backprop(record, change, comparable):
    made = runs(record, {}, "a", [98.0])
    made += runs(record, change | {"row.algorithm.name": "fa"}, "c", [97.0])
    assert math.isnan(line(made, "c")["diff_bp"]) is not comparable


def test_networks_with_different_options_have_different_labels(record):
    changes = [{}, {"row.network.bias": True}, {"row.network.hidden": [800, 800]}]
    labels = network_labels(record(change) for change in changes)
    assert set(labels.values()) == {
        "mlp 1024 relu bias=False",
        "mlp 1024 relu bias=True",
        "mlp 2x800 relu",
    }


def test_the_newest_record_labels_the_row(record):
    made = runs(record, {}, "c", [98.0, 98.0])
    made[1]["finished"] = "2027-01-01T00:00:00Z"
    made[1]["row"]["variant"] = "renamed"
    assert line(made, "c")["variant"] == "renamed"


def test_one_row_on_different_data_is_an_error(record):
    made = runs(record, {}, "c", [98.0, 98.0])
    made[1]["dataset"]["sha256"] = "other"
    with pytest.raises(UserError, match=r"different data \(seeds 0 and 1"):
        leaderboard(made)


def test_an_unknown_published_cell_is_an_error(record):
    with pytest.raises(UserError, match="unknown published cell"):
        leaderboard([record({"row.published": "nobody2000/mnist/mlp/bp"})])


def test_a_row_short_of_the_published_budget_has_no_number_beside_it(record):
    bp = {"row.published": "dellaferrera2022_pepita/mnist/fc1024/bp"}  # 100 epochs
    short = leaderboard(runs(record, bp, "a", [98.6, 98.5]))
    assert math.isnan(short.iloc[0]["diff_published"])
    assert "2 of 100 epochs" in rows_table(short, ["a" * 12])
    full = leaderboard(runs(record, bp | {"row.epochs": 100}, "a", [98.6, 98.5]))
    assert full.iloc[0]["diff_published"] == pytest.approx(98.55 - 98.63)
    assert "98.63 ± 0.03" in rows_table(full, ["a" * 12])


def test_readme_has_one_table_for_each_budget_and_deep_networks_first(record):
    fa, deep = {"row.algorithm.name": "fa"}, {"row.network.hidden": [800, 800]}
    made = [
        *runs(record, {}, "a", [98.6, 98.5]),
        *runs(record, fa, "b", [98.0, None]),
        *runs(record, {"row.algorithm.name": "sa", "row.variant": "short"}, "c", [90.0, 90.0]),
        *runs(record, {"row.epochs": 9, "row.algorithm.name": "dfa"}, "d", [97.0, 97.0]),
        *runs(record, {"row.algorithm.name": "kp"}, "e", [97.1]),
        *runs(record, deep, "1", [98.4, 98.4]),
        *runs(record, deep | fa | {"row.variant": "a|b <i>"}, "2", [98.1, 98.0]),
    ]
    text = to_readme(leaderboard(made))
    heads = [line for line in text.splitlines() if line.startswith("**mnist")]
    assert heads == [
        "**mnist, mlp 2x800 relu**: 2 epochs on 55000 images",
        "**mnist, mlp 1024 relu**: 2 epochs on 55000 images",
    ]
    assert (
        text.index(heads[0]) < text.index("One hidden layer does not tell") < text.index(heads[1])
    )
    alone = text[text.index("Rules without another") :]
    assert "dfa" in alone and "97.00 ± 0.00 (2)" in alone
    assert "| 98.00 (2, 1 failed) " in text
    assert "| kp" not in text and "short" not in text and "seconds" not in text
    assert "| fa (a\\|b &lt;i&gt;) |" in text  # and the cell is still one


def test_the_terminal_table_has_the_asked_rows(record):
    text = rows_table(leaderboard(few_records(record)), ["c" * 12, "d" * 12])
    head, _, *lines = text.splitlines()
    assert head.split()[:3] == ["dataset", "network", "algorithm"]
    assert [row.split()[4] for row in lines] == ["drtp", "pepita"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("status", ["ok", "diverged"])
def test_a_table_without_any_published_or_measured_number(tmp_path, record, status):
    records.save(tmp_path, identified(record(metrics={}, cost={}, status=status)))
    (tmp_path / "README.md").write_text(README)
    frame = write_leaderboard(tmp_path, tmp_path / "README.md")
    assert "| bp" in (tmp_path / "leaderboard.md").read_text()
    assert rows_table(frame, [])  # an empty table has its header


@pytest.mark.parametrize("text", ["no marks", f"{END} before {START}", f"{START} only"])
def test_a_readme_without_marks_is_left_alone(tmp_path, record, text):
    records.save(tmp_path, identified(record()))
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(UserError, match=r"README\.md needs the lines"):
        write_leaderboard(tmp_path, readme)
    assert readme.read_text() == text


def test_reporting_imports_neither_torch_nor_lightning():
    code = (
        "import sys, benchmark.suite.tables, benchmark.suite.tables.plots\n"
        "sys.exit(bool({'torch', 'lightning', 'torchvision'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
