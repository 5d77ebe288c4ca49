"""The page in a real browser, where there is one: it sorts, filters, leads to records and back."""

import pytest

from benchmark.suite.tables.page import write_page
from tests.tables.browser import MISSING, browser
from tests.tables.pages import fill

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"there is no {MISSING}")

ROWS = "[...document.querySelectorAll('#board tbody tr')].filter(row => !row.hidden)"
SHOWN = f"{ROWS}.map(row => row.cells[0].textContent)"
HEAD = "#board thead th:nth-child({}) button"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seen") / "results"
    fill(folder)
    write_page(folder)
    return folder / "page"


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as window:
        yield window


def test_a_table_sorts_and_what_is_unknown_comes_last(window, page):
    window.open((page / "board.html").as_uri())
    window.click(HEAD.format(6))  # test accuracy: the best first
    accuracies = window.run(f"{ROWS}.map(row => row.cells[5].textContent.slice(0, 5))")
    assert accuracies[0] == "98.10" and accuracies[-1] == ""
    assert window.run("document.querySelector('[aria-sort]').ariaSort") == "descending"
    window.click(HEAD.format(6))
    turned = window.run(f"{ROWS}.map(row => row.cells[5].textContent.slice(0, 5))")
    assert turned[-2:] == ["98.10", ""]
    assert window.run("location.hash") == "#table=board&sort=test+accuracy"


def test_the_address_holds_what_is_sorted_and_filtered(window, page):
    address = (page / "board.html").as_uri()
    window.open("about:blank")
    window.open(f"{address}#table=board&family=backpropagation&sort=data+set&down=1")
    assert window.run(f"{ROWS}.map(row => row.cells[1].textContent)") == ["mnist", "cifar10"]
    assert window.run("document.querySelector('.count').textContent").startswith("2 of ")
    window.type("input[type=search]", "cifar")
    assert window.run(SHOWN) == ["bp"] and "find=cifar" in window.run("location.hash")


def test_by_keyboard_alone(window, page):
    window.open("about:blank")
    window.open((page / "board.html").as_uri())
    window.run(f"document.querySelector('{HEAD.format(1)}').focus()")
    assert window.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    window.type(HEAD.format(1), "\ue007")  # enter
    assert window.run("document.querySelector('th').ariaSort") == "ascending"


def test_to_a_record_and_back(window, page):
    window.open("about:blank")
    window.open(f"{(page / 'board.html').as_uri()}#table=board&find=dfa")
    window.click("#board tbody tr:not([hidden]) td:nth-of-type(8) a")
    assert '"name": "dfa"' in window.run("document.body.textContent")
    window.back()
    assert window.run(SHOWN) == ["dfa"]


def test_hostile_names_do_nothing(window, page):
    for path in [*page.glob("*.html"), *page.glob("runs/*.html"), page / "rules" / "fa.html"]:
        window.open(path.as_uri())  # an alert would answer the next command with an error
        assert window.run("document.images.length") == 0
        assert window.run("document.scripts.length") == 1


def test_it_fits_a_phone(window, page):
    """At 360 pixels only tables and drawings scroll sideways, in their own boxes."""
    window.resize(360, 740)
    for path in [*page.glob("*.html"), *page.glob("runs/*.html")]:
        window.open(path.as_uri())
        wide = window.run("document.documentElement.scrollWidth - 360")
        assert window.run("innerWidth") == 360 and wide <= 0, path.name
