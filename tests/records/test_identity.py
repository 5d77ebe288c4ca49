"""A row is told from others by what differs from the defaults."""

import dataclasses
import json

import pytest

from benchmark.algorithms import ALGORITHMS
from benchmark.algorithms.dfa import DFA
from benchmark.errors import UserError
from benchmark.suite.records import records
from benchmark.suite.rows.identity import differing
from benchmark.suite.rows.parse import Names, parse, read_config, row_parser, to_row
from benchmark.suite.run.migrate import migrate


def row_of(name, *args):
    names = Names(name, "mnist5k", "mlp")
    return to_row(parse(row_parser(names), read_config(names.default_config), list(args), "test"))


@pytest.mark.parametrize("name", ["dfa", "wm", "ff"])
def test_a_new_option_with_a_default_changes_no_hash(name, monkeypatch):
    old = row_of(name)
    cls = ALGORITHMS[name]

    def __init__(self, net, *, brand_new: float = 0.5, **options):
        super(wider, self).__init__(net, **options)

    wider = type(cls.__name__, (cls,), {"__init__": __init__, "__doc__": cls.__doc__})
    monkeypatch.setitem(ALGORITHMS._table, name, wider)
    assert row_of(name).algorithm["brand_new"] == 0.5
    assert row_of(name).hash == old.hash
    assert row_of(name, "--algorithm.brand_new=0.6").hash != old.hash


def test_every_other_option_does():
    plain = row_of("dfa")
    for option in (
        "--algorithm.feedback=shared", "--network.hidden=[3]", "--data.batch_size=32",
        "--optim.lr=0.3", "--loss=mse", "--epochs=3", "--precision=64-true",
    ):  # fmt: skip
        assert row_of("dfa", option).hash != plain.hash, option
    for option in (
        "--variant=x", "--data.root=elsewhere", "--data.cache=elsewhere", "--data.steps_per_call=3",
        "--machine.devices=1",
    ):  # fmt: skip
        assert row_of("dfa", option).hash == plain.hash, option


def test_a_default_said_aloud_is_no_difference():
    assert row_of("dfa", "--algorithm.feedback_scale=1").hash == row_of("dfa").hash
    assert row_of("dfa", "--optim.betas=[0.9,0.999]").hash == row_of("dfa").hash


def test_a_group_keeps_what_differs_from_its_own_defaults():
    """And is there, even where nothing does: no group at all is something else."""
    noise = {"before": 0, "every": 3, "samples": 64, "sd": 1.0}
    assert differing({"noise": noise}, ALGORITHMS["ia"]) == {"noise": {"every": 3}}
    assert differing({"noise": noise | {"every": 0}}, ALGORITHMS["ia"]) == {"noise": {}}
    assert differing({"noise": None}, ALGORITHMS["wm"]) == {}
    assert differing({"feedback_scale": 1.0, "name": "dfa"}, DFA) == {"name": "dfa"}


def test_records_of_an_earlier_version_migrate_once(tmp_path, record):
    row = row_of("dfa", "--epochs=2")
    old = record(
        {"dataset.name": "mnist5k"}, row=json.loads(json.dumps(row.as_record())), row_hash="f" * 12
    )
    records.save(tmp_path, old)
    assert migrate(tmp_path) == 1
    (new,) = records.load(tmp_path)
    assert (new["row_hash"], new["old_row_hash"]) == (row.hash, "f" * 12)
    assert new["identity"] == row.identity
    assert {k: v for k, v in new.items() if k in old} == old | {"row_hash": row.hash}
    assert migrate(tmp_path) == 0


def test_two_records_of_one_run_are_not_merged(tmp_path, record):
    row = dataclasses.asdict(row_of("dfa", "--epochs=2"))
    for digit in "ef":
        records.save(tmp_path, record({"dataset.name": "mnist5k"}, row=row, row_hash=digit * 12))
    with pytest.raises(UserError, match="exists"):
        migrate(tmp_path)
    assert len(records.load(tmp_path, earlier=True)) == 2
