"""Rules look the same in every drawing, and no two alike; families share no color and dash."""

from benchmark.suite.tables.looks import looks
from benchmark.suite.tables.plausibility import families


def test_no_two_rules_look_alike():
    found = looks({name: name for name in families()})
    assert len(set(found.values())) == len(found)


def test_a_family_is_told_by_color_and_dash():
    places = {}
    for name, look in looks({name: name for name in families()}).items():
        places.setdefault(families()[name], set()).add((look.color, look.dash))
    assert all(len(place) == 1 for place in places.values())
    assert len(set(map(frozenset, places.values()))) == len(places)


def test_a_family_looks_the_same_whatever_is_drawn_beside_it():
    alone = looks({"pepita (paper)": "pepita"})["pepita (paper)"]
    assert looks({"bp": "bp", "fa": "fa", "pepita": "pepita"})["pepita"] == alone
    assert looks({"bp": "bp"})["bp"].color is None and alone.color is not None


def test_rules_of_others_have_a_look_too():
    assert looks({"mine:Rule": "mine:Rule"})["mine:Rule"].color is not None
