"""Intervals and tests against scipy.stats, and by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmark.suite.tables.intervals import welch
from benchmark.suite.tables.slowness import fit, slowness
from benchmark.suite.tables.statistics import from_published, holm, paired

VALUES = [1.52, 1.61, 1.48, 1.55, 1.66]


def ends(interval):
    return interval.low, interval.high


def test_sd_and_n_published_is_welch():
    theirs = [1.40, 1.52, 1.45]
    sd = float(np.std(theirs, ddof=1))
    own = from_published(VALUES, float(np.mean(theirs)), sd, 3)
    welch = stats.ttest_ind(VALUES, theirs, equal_var=False).confidence_interval(0.95)
    assert ends(own) == pytest.approx((welch.low, welch.high), rel=1e-9)


def test_the_interval_of_unpaired_rules_is_welchs():
    theirs = [1.40, 1.52, 1.45]
    low, high = stats.ttest_ind(VALUES, theirs, equal_var=False).confidence_interval(0.95)
    assert welch(VALUES, theirs) == pytest.approx((high - low) / 2, rel=1e-9)
    assert welch(VALUES, [1.40]) is None


def test_without_n_the_published_number_is_one_run_of_its_sd():
    own = from_published(VALUES, 1.5, 0.1)
    u = np.var(VALUES, ddof=1) / 5
    freedom = (u + 0.01) ** 2 / (u**2 / 4)
    assert own.half_width == pytest.approx(stats.t.ppf(0.975, freedom) * math.sqrt(u + 0.01))
    assert own.half_width > from_published(VALUES, 1.5, 0.1, 10).half_width
    assert from_published(VALUES, 1.5, 0.1, 1) == own


def test_without_sd_the_published_number_is_one_run_with_our_spread():
    # the prediction interval of one more run: t(4) s sqrt(1 + 1/5)
    own = from_published(VALUES, 1.5)
    expected = stats.t.ppf(0.975, 4) * np.std(VALUES, ddof=1) * math.sqrt(1.2)
    assert own.half_width == pytest.approx(expected)
    assert own.difference == pytest.approx(0.064)


def test_one_seed_takes_the_published_spread_if_there_is_one():
    assert from_published([1.6], 1.5) is None
    assert from_published([1.6], 1.5, 0.1).half_width == pytest.approx(1.96 * math.sqrt(0.02), 1e-4)
    known = stats.t.ppf(0.975, 4) * 0.1 * math.sqrt(1 + 1 / 5)
    assert from_published([1.6], 1.5, 0.1, 5).half_width == pytest.approx(known)


def test_no_spread_at_all_is_an_interval_of_no_width():
    assert ends(from_published([1.5, 1.5], 1.25)) == (0.25, 0.25)
    assert ends(from_published([1.5, 1.5], 1.25, 0.0)) == (0.25, 0.25)


def test_differences_between_rules_are_the_paired_t_test():
    rule = dict(enumerate(VALUES)) | {9: 40.0}  # a seed that the other lacks does not count
    reference = {0: 1.50, 1: 1.55, 2: 1.49, 3: 1.50, 4: 1.59, 7: 0.0}
    own = paired(rule, reference)
    test = stats.ttest_rel(VALUES, [reference[seed] for seed in range(5)])
    low, high = test.confidence_interval(0.95)
    assert own.n == 5
    assert own.p == pytest.approx(test.pvalue, rel=1e-9)
    assert own.difference - own.half_width == pytest.approx(low, rel=1e-9)
    assert own.difference + own.half_width == pytest.approx(high, rel=1e-9)


def test_a_single_or_no_shared_seed_has_no_interval():
    one = paired({0: 2.0, 1: 3.0}, {0: 1.5})
    assert (one.n, one.difference, one.half_width, one.p) == (1, 0.5, None, None)
    assert paired({0: 2.0}, {1: 1.5}) is None


def test_equal_differences_have_no_width():
    same = paired({0: 2.0, 1: 3.0}, {0: 2.0, 1: 3.0})
    assert (same.difference, same.half_width, same.p) == (0.0, 0.0, 1.0)
    assert paired({0: 2.5, 1: 3.5}, {0: 2.0, 1: 3.0}).p == 0.0


def test_holm_by_hand():
    # sorted 0.01 0.02 0.03 0.04, times 4 3 2 1: 0.04 0.06 0.06 0.04; never below a smaller one's
    assert holm([0.03, 0.01, None, 0.04, 0.02]) == pytest.approx(
        [0.06, 0.04, None, 0.06, 0.06], abs=1e-12
    )
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == [] and holm([None]) == [None]


def test_slowness_is_found_again():
    """acc_max and s of a curve that has them; the model is 0 at epoch 0, whatever stands there."""
    curve = [10.0] + [97 * e / (1.7 + e) for e in range(1, 41)]
    found = fit(curve)
    assert found.acc_max == pytest.approx(97, rel=1e-4) and found.s == pytest.approx(1.7, rel=1e-3)
    assert found.at(1.7) == pytest.approx(97 / 2, rel=1e-3)


def test_slowness_ends_before_the_first_decay_and_takes_held_out_images_where_there_are_some():
    points = [{"train_acc": 90 * e / (3 + e), "val_acc": 80 * e / (1 + e)} for e in range(1, 21)]
    points[10:] = [{"train_acc": 99.0, "val_acc": 99.0}] * 10
    record = {
        "status": "ok", "metrics": {"test_acc": 80.0}, "dataset": {"classes": 10}, "curve": points,
        "row": {"optim": {"schedule": "step", "milestones": [10, 15]}},
    }  # fmt: skip
    found = slowness(record)
    assert (found.curve, found.last, round(found.s, 2)) == ("val_acc", 10, 1.0)
    of_training = slowness({**record, "curve": [{"train_acc": p["train_acc"]} for p in points]})
    assert (of_training.curve, round(of_training.s, 2)) == ("train_acc", 3.0)
    assert slowness({**record, "row": {"optim": {"schedule": "cosine"}}}) is None
    assert slowness({**record, "status": "diverged"}) is None
