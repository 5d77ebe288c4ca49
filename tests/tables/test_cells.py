"""The verdict of a cell follows from budget, failures and the interval in error rates."""

import pytest

from benchmark.suite.records.published import cells
from benchmark.suite.tables.cells import judge, measure
from benchmark.suite.tables.intervals import satterthwaite
from benchmark.suite.tables.statistics import from_published
from tests.tables.samples import NET, PAPER, compared_with, runs

ALL = cells()
BP = f"{NET}/bp"


def verdict(records, cell=BP, **printed):
    comparison = compared_with(records, cell, **printed)
    return comparison.verdict, comparison.remark


def test_the_interval_is_of_error_rates_from_the_published_number():
    comparison = compared_with(runs(BP, "a", [98.4, 98.3, 98.5]))
    u, v = 0.01 / 3, 0.06**2  # ours; theirs as one run, since they do not say how many
    assert satterthwaite(u, 2, v, float("inf")) == pytest.approx((u + v) ** 2 / (u**2 / 2))
    plain = from_published([1.6, 1.7, 1.5], 1.60, 0.06)
    assert comparison.interval.difference == pytest.approx(0.0, abs=1e-9)
    assert comparison.interval.half_width == pytest.approx(plain.half_width + 0.005)  # of 1.60
    assert (comparison.budget, comparison.verdict) == (1.0, "reproduced")


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ([98.40, 98.39, 98.41], ("reproduced", "")),
        ([98.80, 98.79, 98.81], ("better", "")),
        ([98.00, 98.01, 97.99], ("worse", "")),
        ([98.40], ("reproduced", "one seed")),
        ([97.00], ("worse", "one seed")),
        ([98.40, 98.41, None], ("reproduced", "")),
        ([98.40, 98.41, None, None], ("failed", "")),
        ([98.40, 98.41, 12.5, 12.5], ("failed", "")),  # at chance
        ([12.6, 12.7], ("worse", "")),
        ([None], ("failed", "")),
    ],
)
def test_verdicts(accuracies, expected):
    assert verdict(runs(BP, "a", accuracies)) == expected


def test_one_seed_beside_a_number_without_deviation_is_untested():
    cell = f"{PAPER}/mnist/100x240-tanh/dfa/train"
    one = runs(cell, "a", [98.4], {"metrics.train_acc": 99.88})
    assert verdict(one, cell, statistic="train_last") == ("untested", "one seed")


def test_no_row_is_untested_and_below_the_budget_is_short():
    assert verdict([]) == ("untested", "")
    short = compared_with(runs(BP, "a", [98.4, 98.4], {"row.epochs": 30}))
    assert (short.verdict, short.budget, short.interval) == ("short", 30 / 299, None)


def test_a_run_that_stopped_by_itself_has_its_whole_budget():
    stopped = compared_with(runs(BP, "a", [98.4, 98.4], {"row.stop": {"train_error": 0.0}}))
    assert len(stopped.measured.record["curve"]) == 2  # of 299 epochs
    assert (stopped.verdict, stopped.budget) == ("reproduced", 1.0)


def test_where_the_published_budget_is_not_known_there_is_none():
    cell = next(c for c in ALL.values() if c.metric == "test_err" and not c.published_epochs)
    assert compared_with(runs(cell.cell, "a", [98.4, 98.4]), cell.cell).budget is None


def test_failed_seeds_are_counted_and_left_out_of_the_mean():
    measured = compared_with(runs(BP, "a", [98.4, None, 98.2, 10.0, 98.3])).measured
    assert (measured.seeds, measured.failed) == (5, 2)
    assert measured.mean == pytest.approx(1.7)
    assert list(measured.errors) == [0, 2, 4]


def test_where_the_paper_is_at_chance_a_run_at_chance_did_not_fail():
    hep = "laborieux2022_hep/mnist/784-256-256-10/ep/classic-beta-0.1-noise"  # 10.49 ± 0.79
    assert verdict(runs(hep, "a", [10.3, 10.6, 10.9]), hep) == ("reproduced", "")


def test_the_larger_budget_stands_then_more_images_then_the_newest():
    many = {"dataset.train": 60000, "dataset.val": 0}
    made = [
        *runs(BP, "a", [98.0], {"row.epochs": 30}, finished="2027-01-01T00:00:00Z"),
        *runs(BP, "b", [98.1], finished="2026-12-01T00:00:00Z"),
        *runs(BP, "c", [98.2], many),
        *runs(BP, "d", [98.3], many, finished="2026-11-30T00:00:00Z"),
    ]
    comparison = compared_with(made)
    assert comparison.measured.record["row_hash"] == "d" * 12
    order = [other.record["row_hash"][0] for other in comparison.others]
    assert order == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("statistic", "error"),
    [("test_last", 1.6), ("test_best_val", 1.5), ("train_last", 0.5), ("top5_last", 0.1)],
)
def test_each_statistic_is_its_own_error(statistic, error):
    metrics = {"test_acc_at_best_val": 98.5, "train_acc": 99.5, "test_acc_top5": 99.9}
    made = runs(BP, "a", [98.4], {f"metrics.{name}": value for name, value in metrics.items()})
    assert measure(made, statistic).errors[0] == pytest.approx(error)


def test_a_number_is_never_set_beside_another_statistic_or_a_range():
    made = runs(BP, "a", [98.4, 98.4])
    assert verdict(made, statistic="train_last") == ("untested", "no single rate published")
    between = "scellier2017_ep/mnist/784-500-10/ep/1-to-3-hidden-layers"
    remark = "no single rate published"
    assert verdict(runs(between, "a", [98.4, 98.4]), between) == ("untested", remark)


def test_a_statistic_that_was_not_measured_is_untested():
    made = runs(BP, "a", [98.4, 98.4])
    assert verdict(made, statistic="test_best_val") == ("untested", "not measured")


def test_accuracies_are_shown_as_the_paper_does():
    cell = "dellaferrera2022_pepita/mnist/fc1024/bp"
    assert compared_with([], cell).as_printed(1.5) == 98.5
    assert compared_with([]).as_printed(1.5) == 1.5


def test_judge_is_the_same_for_accuracies_and_errors():
    cell = ALL["dellaferrera2022_pepita/mnist/fc1024/bp"]  # 98.63 ± 0.03
    measured = measure(runs(cell.cell, "a", [98.5, 98.5]), "test_last")
    assert judge(cell, cell.error, measured)[0] == "worse"  # a lower accuracy, a higher error
