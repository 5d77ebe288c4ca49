"""Axes: places by hand, round ticks, and ends that no value of a record can break."""

import math

import pytest

from benchmark.suite.tables.page.axes import Axis, around


def test_places_and_ticks_of_an_even_axis():
    axis = Axis(0, 90)
    assert [axis.place(v) for v in (0, 45, 90, 180, -1)] == [0, 0.5, 1, 1, 0]
    assert axis.ticks() == [0, 20, 40, 60, 80]


def test_places_and_ticks_by_ratios():
    axis = Axis(1, 100, log=True)
    assert axis.place(10) == pytest.approx(0.5)
    assert axis.ticks() == [1, 2, 5, 10, 20, 50, 100]
    assert Axis(50, 51, log=True).ticks() == [50, 50.2, 50.4, 50.6, 50.8, 51]


def test_an_even_axis_ends_where_it_is_told():
    axis = around([0.1, 5.0], least=0)
    assert axis.low == 0 and axis.high > 5


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "values", [[3.0, 3.0], [5e-324, 1.0], [1.7e308, 1e308], [1e-300, 1e300], [0.001, 100.0]]
)
def test_any_value_has_a_place(values, log):
    axis = around(values, log=log)
    assert all(0 <= axis.place(v) <= 1 for v in values)
    assert all(map(math.isfinite, axis.ticks())) and len(axis.ticks()) < 50
