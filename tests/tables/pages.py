"""A results folder with something of everything, names that would like to be HTML, and a reader."""

import json
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

from benchmark.suite.records import records, robustness, studies
from tests.records.conftest import identified, make_record
from tests.tables.test_equal import study
from tests.tables.test_robustness import measured_of

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
TEMPLATE = "{{ 7 * 7 }}{% include 'base.html.j2' %}"
HOSTILE = (
    SCRIPT,
    IMAGE,
    TEMPLATE,
    "'onmouseover='alert(1)",
    "</style></title><svg onload=alert(1)>",
)
CELL = "nokland2016_dfa/mnist/2x800-tanh/bp"


def fill(results):
    """Rows of several rules, seeds, budgets and networks; angles, a study, an attack, a search."""
    angles = {
        "update/blocks.0": [[0, 90.0], [2, 60.0]],
        f"feedback/{SCRIPT}": [[0, 80.0], [2, 70.0]],
    }
    dfa = {"row.algorithm.name": "dfa"}
    made = [
        make_record({"row.published": CELL}, seed=0),
        make_record({"row.published": CELL, "metrics.test_acc": 98.2}, seed=1),
        make_record(dfa, row_hash="1" * 12, alignment=angles),
        make_record(dfa | {"metrics.test_acc": 10.0}, row_hash="1" * 12, seed=1),
        make_record({"row.algorithm.name": "mine:Own"}, row_hash="2" * 12, status="diverged",
                    metrics={}, curve=[]),
        make_record({"dataset.name": "cifar10", "row.data.name": "cifar10"}, row_hash="3" * 12),
    ]  # fmt: skip
    for k, text in enumerate(HOSTILE):
        fields = {"row.variant": text, "row.network.activation": text, "row.algorithm.name": "fa",
                  "environment.device_name": text, "row.algorithm.option": text}  # fmt: skip
        made.append(make_record(fields, row_hash=f"a{k}" * 6))
    made = [identified(one) for one in made]
    for one in made:
        records.save(results, one)
    strange = results / "records" / "a #1 %41 & 'b'-555555555555-s0.json"
    plain = identified(make_record({"row.algorithm.name": "fa"}, row_hash="5" * 12))
    strange.write_text(json.dumps(plain))
    robustness.save(results, made[0], measured_of(made[0], 98.0, None, 2.0, 40.0))
    studies.save(results, study("bp", chosen=0.1))
    (results / "audit.csv").write_text(f"algorithm,family,angle_end\ndfa,{SCRIPT},60.4\n")
    (results / "boltzmann").mkdir()
    (results / "boltzmann" / "machines.csv").write_text(
        f"dataset,algorithm,variant,row_hash,free_energy_gap\nmnist,cd,{SCRIPT},none,7.17\n"
    )
    search = {"runs": [{"solved": True, "generations": 2, "evaluations": 66}], "cells": []}
    search["settings"] = {"task": SCRIPT, "algorithm": {"name": "es"}}
    (results / "evolve").mkdir()
    (results / "evolve" / "x.json").write_text(json.dumps(search))


class Page(HTMLParser):
    """What a page's HTML holds: elements with their attributes, and its text."""

    def __init__(self, path):
        super().__init__()
        self.path, self.elements, self.text, self.raw = path, [], "", ""
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.elements and self.elements[-1][0] in ("style", "script"):
            self.raw += data
        else:
            self.text += data

    def every(self, attribute):
        return [attrs[attribute] for _, attrs in self.elements if attribute in attrs]

    def links(self):
        """(file, anchor) of each link; state of a table is no anchor."""
        for href in self.every("href"):
            parts = urlsplit(href)
            file = (self.path.parent / unquote(parts.path)).resolve() if parts.path else self.path
            yield file, unquote(parts.fragment)


def pages(results):
    return {path: Page(path) for path in sorted((results / "page").rglob("*.html"))}
