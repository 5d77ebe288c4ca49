"""What the boards say of a rule is what its class says."""

from benchmark.algorithms import ALGORITHMS
from benchmark.suite.tables.plausibility import FILE, plausibility, to_csv


def test_the_file_of_the_traits_is_that_of_the_classes():
    """python -m benchmark list --csv results/published/algorithms.csv writes it."""
    assert FILE.read_text() == to_csv({name: cls.traits for name, cls in ALGORITHMS.items()})


def test_the_columns_of_a_rule():
    assert list(plausibility("dtp").values()) == ["above", "output", "learned", "several forward"]
    assert set(plausibility("not registered").values()) == {""}
