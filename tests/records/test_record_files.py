"""Records are validated, written once, and written whole or not at all."""

import errno
import json
import math
import os

import pytest

from benchmark.errors import UserError
from benchmark.suite.records import records
from benchmark.suite.records.schema import hash_of
from benchmark.suite.tables import write_leaderboard
from tests.records.conftest import identified


def files(results):
    return sorted(path.name for path in (results / "records").iterdir())


def test_a_saved_record_is_found_and_loaded(tmp_path, record):
    saved = identified(record({"row.variant": "No Bias"}))
    path = records.save(tmp_path, saved)
    assert path.name == f"mnist-mlp-bp-no-bias-{saved['row_hash']}-s0.json"
    assert records.find(tmp_path, saved["row_hash"], 0) == saved
    assert records.find(tmp_path, saved["row_hash"], 1) is None
    assert records.find(tmp_path, "1" * 12, 0) is None
    assert records.load(tmp_path) == [saved]


def test_no_records_folder_is_an_empty_list(tmp_path):
    assert records.load(tmp_path) == []
    with pytest.raises(UserError, match="no records in"):
        write_leaderboard(tmp_path)


def test_a_record_is_written_once(tmp_path, record):
    path = records.save(tmp_path, record())
    changed = record({"metrics.test_acc": 50.0})
    with pytest.raises(UserError, match="written once"):
        records.save(tmp_path, changed)
    with pytest.raises(UserError, match="written once"):  # the variant is only a label
        records.save(tmp_path, changed | {"row": changed["row"] | {"variant": "other"}})
    assert json.loads(path.read_text()) == record()
    records.save(tmp_path, changed, overwrite=True)
    assert json.loads(path.read_text()) == changed


def test_overwriting_under_a_new_label_leaves_one_file(tmp_path, record):
    records.save(tmp_path, record())
    records.save(tmp_path, record({"row.variant": "new"}), overwrite=True)
    assert files(tmp_path) == ["mnist-mlp-bp-new-000000000000-s0.json"]


def test_numbers_that_are_not_finite_become_null(tmp_path, record):
    lost = record({"metrics.train_loss": math.nan}, status="diverged")
    records.save(tmp_path, identified(lost))
    assert records.load(tmp_path)[0]["metrics"]["train_loss"] is None


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, record, monkeypatch, step):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, full)
    with pytest.raises(UserError, match=r"cannot write .*No space left on device"):
        records.save(tmp_path, record())
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path, record):
    (tmp_path / "results").write_text("a file, not a folder")
    with pytest.raises(UserError, match=r"cannot write .*results"):
        records.save(tmp_path / "results", record())


def test_a_truncated_record_is_named(tmp_path, record):
    path = records.save(tmp_path, record())
    path.write_text(path.read_text()[:200])
    with pytest.raises(UserError, match=path.name):
        records.load(tmp_path)


def test_two_files_of_one_run_are_named(tmp_path, record):
    path = records.save(tmp_path, identified(record()))
    copy = path.with_name("copy.json")
    copy.write_text(path.read_text())
    with pytest.raises(UserError, match=rf"{copy.name}.*{path.name}|{path.name}.*{copy.name}"):
        records.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"schema": 2}, "schema: Invalid enum value 2"),
        ({"row.algorithm": {}}, "row.algorithm.name is None"),
        ({"row.epochs": "20"}, "row.epochs: Expected `int`, got `str`"),
        ({"row.variant": 3}, "row.variant: Expected `str | null`"),
        ({"row_hash": "xyz"}, "row_hash: Expected `str` matching"),
        ({"seed": True}, "seed: Expected `int`, got `bool`"),
        ({"status": "fine"}, "status: Invalid enum value 'fine'"),
        ({"dataset.val": None}, "dataset.val: Expected `int`, got `null`"),
        ({"metrics": []}, "metrics: Expected `object`"),
        ({"metrics.test_acc": "98"}, r"metrics\[...\]: Expected `float | null`, got `str`"),
        ({"metrics.test_acc": 101.0}, "not a percentage"),
        ({"metrics.train_loss": math.inf}, "Infinity is no number"),
        ({"cost.seconds": [1]}, r"cost\[...\]: Expected `float | null`"),
        ({"curve": [{"val_acc": 3.0}]}, r"curve\[0\].epoch"),
        ({"curve": [3]}, r"curve\[0\]: Expected `object`"),
        ({"alignment": {"layer": [1, 2]}}, r"alignment\[...\]\[0\]: Expected `array`"),
        ({"seed": -1}, "seed: Expected `int` >= 0"),
        ({"metrics.test_acc": 7000.0}, "metrics.test_acc is 7000.0, not a percentage"),
        ({"dataset.train": -5}, "dataset.train: Expected `int` >= 1"),
        ({"curve": [{"epoch": 2}]}, r"curve\[0\].epoch is 2.*, not 1"),
        ({"curve": [{"epoch": 1}, {"epoch": 1}]}, r"curve\[1\].epoch is 1.*, not 2"),
        ({"row.epochs": 1}, "the curve has 2 epochs, of 1"),
        ({"metrics.best_epoch": 3}, "best_epoch is 3, of 2 epochs"),
        ({"row.data.name": "cifar10"}, "dataset.name is 'mnist', but the row's data 'cifar10'"),
        ({"row.algorithm.name": "../../x"}, "row.algorithm.name is '../../x', not a name"),
        ({"row.network.note": "a\nb"}, "with control characters"),
        ({"row.variant": "a\x1b[2J"}, "row.variant: Expected"),
        ({"finished": "yesterday"}, "finished: Expected"),
        ({"environment.threads": 10**9}, "environment.threads: Expected"),
        ({"old_row_hash": "../x"}, "old_row_hash: Expected"),
        ({"weights_sha256": "zz"}, "weights_sha256: Expected"),
        ({"epochs_trained": 9}, "the curve has 2 epochs, of 2, trained 9"),
        ({"identity": {"epochs": 2}}, "row_hash is 0+, but that of its row is"),
        ({"alignment": [1]}, "alignment: Expected `object | null`"),
    ],
)
def test_a_broken_record_is_named_with_its_fault(tmp_path, record, change, fault):
    path = records.save(tmp_path, record())
    path.write_text(json.dumps(record(change)))
    with pytest.raises(UserError, match=f"{path.name}.*: .*{fault}"):
        records.load(tmp_path)


def hashed(record, **identity):
    """A record whose row_hash is that of its identity."""
    return record(identity=identity, row_hash=hash_of(identity))


def test_a_row_is_what_its_hash_stands_for(tmp_path, record):
    good = hashed(record, epochs=2, network={"name": "mlp", "hidden": [1024]})
    path = records.save(tmp_path, good)
    assert records.load(tmp_path) == [good]
    for change in ({"row.epochs": 3}, {"row.network.hidden": [9]}, {"row.network": {"name": "x"}}):
        path.write_text(
            json.dumps(record(change, **{k: good[k] for k in ("identity", "row_hash")}))
        )
        with pytest.raises(UserError, match=r"row\.\w+ is not what its row_hash stands for"):
            records.load(tmp_path)


def test_a_record_under_another_ones_name_is_refused(tmp_path, record):
    saved = identified(record())
    path = records.save(tmp_path, saved)
    path.rename(path.with_name(path.name.replace("s0", "s1")))
    with pytest.raises(UserError, match=rf"s1\.json holds row {saved['row_hash']} seed 0"):
        records.find(tmp_path, saved["row_hash"], 1)


def test_a_row_without_identity_is_sent_to_migrate(tmp_path, record):
    """Nothing would tell whether its hash is its row's."""
    path = records.save(tmp_path, record())
    with pytest.raises(UserError, match=rf"{path.name} is of an earlier version.* migrate"):
        records.load(tmp_path)
    assert records.load(tmp_path, earlier=True) == [record()]


NO_RECORD = {
    "empty": b"",
    "a list": b"[]",
    "binary": b"\x00\x01",
    "null": b"null",
    "latin-1": '{"schema": "\xe9"}'.encode("latin-1"),
    "utf-16": "{}".encode("utf-16"),
    "deep": b"[" * 10_000,
    "a number too long": b'{"schema": ' + b"9" * 5000 + b"}",
    "a folder": os.mkdir,
    "a pipe": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("case", NO_RECORD)
def test_what_is_no_record_is_named(tmp_path, record, case):
    path = records.save(tmp_path, record())
    path.unlink()
    make = NO_RECORD[case]
    make(path) if callable(make) else path.write_bytes(make)
    with pytest.raises(UserError, match=path.name) as error:
        records.load(tmp_path)
    assert "\n" not in str(error.value)
    assert case != "a pipe" or "no regular file" in str(error.value)


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ('"seed": 0, "seed": 1', "'seed' stands twice"),
        ('"seed": 0, "note": 1e400', "1e400 is no finite number"),
        ('"seed": 0, "note": NaN', "NaN is no number"),
        (r'"seed": 0, "note": "\ud800"', "surrogates not allowed"),
    ],
)
def test_json_that_could_be_read_in_two_ways_is_refused(tmp_path, record, field, fault):
    path = records.save(tmp_path, record())
    path.write_text(path.read_text().replace('"seed": 0', field))
    with pytest.raises(UserError, match=f"{path.name}.*{fault}"):
        records.load(tmp_path)


def test_a_byte_order_mark_is_no_fault(tmp_path, record):
    saved = identified(record())
    path = records.save(tmp_path, saved)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert records.load(tmp_path) == [saved]


def test_names_never_leave_the_folder(tmp_path, record):
    path = records.save(tmp_path, record({"row.variant": "../../x"}))
    assert (
        path.parent == tmp_path / "records" and path.name == "mnist-mlp-bp-x-000000000000-s0.json"
    )
    for part in ("algorithm", "network", "data"):
        with pytest.raises(ValueError, match="not a record"):
            records.save(tmp_path, record({f"row.{part}.name": "../../x"}, seed=1))
