"""A config, whatever it holds, is a row or one line that names the file."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import UserError
from benchmark.suite.launch.builds import check_builds
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.rows.parse import read_config
from benchmark.suite.rows.row import Row
from benchmark.suite.run.bench import rows_to_run
from tests.fuzz.inputs import BYTES, SCALARS, TREES, damaged, mutated

FILES = sorted(CONFIGS.glob("*/mnist-mlp-*.yaml"))
WHOLE = [yaml.safe_load(path.read_text()) for path in FILES]
SMALL = {"hidden": [3, 3]}
for row in WHOLE:
    row |= {"network": row.get("network", {}) | {"name": "mlp"} | SMALL}
    row |= {"seeds": 2, "machine": {"replay": True}, "measure": {"every": 3}}
WHOLE = [row for row in WHOLE if "name" in row["algorithm"] and "name" in row.get("data", {})]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("configs") / "row.yaml"


def row_in(path: Path, args: Sequence[str] = ()) -> Row:
    """The row that bench would train of a config, as far as its network: built, without data."""
    chosen = dict.fromkeys(("algorithm", "dataset", "network"))
    (job,) = rows_to_run(Namespace(**chosen, config=[path], baseline="false"), [*args])
    check_builds([job.row])
    return job.row


def read_or_refused(path, content):
    """Either a row with a hash, or one line; and no file beside the config."""
    path.write_bytes(content)
    try:
        assert len(row_in(path).hash) == 12
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 5000
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@given(st.sampled_from(WHOLE).flatmap(mutated))
def test_changed_configs(path, content):
    read_or_refused(path, yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "replace"))


@given(st.sampled_from(WHOLE).flatmap(lambda row: damaged(yaml.safe_dump(row).encode())))
def test_damaged_configs(path, content):
    read_or_refused(path, content)


@given(st.dictionaries(st.sampled_from(sorted(WHOLE[0])), TREES, max_size=3))
def test_any_tree_in_place_of_a_group(path, groups):
    content = {**WHOLE[0], **groups}
    read_or_refused(path, yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "replace"))


@given(BYTES)
def test_any_bytes_are_no_config_and_the_file_is_named(path, content):
    path.write_bytes(content)
    try:
        assert isinstance(read_config(path), dict)
    except UserError as error:
        assert "row.yaml" in str(error) and "\n" not in str(error)


TAGS = st.sampled_from(["int", "float", "bool", "timestamp", "binary", "set", "omap", "pairs",
                        "merge", "python/object:os.system", "value", "null"])  # fmt: skip


@given(TAGS, SCALARS.map(str), st.sampled_from(["epochs", "? ", "<<", "variant", "=", "optim"]))
def test_any_tag_before_any_value(path, tag, value, key):
    quoted = '"' + value.replace("\\", "").replace('"', "") + '"'
    read_or_refused(path, f"{key}: !!{tag} {quoted}\n".encode("utf-8", "replace"))


@given(st.lists(st.tuples(st.sampled_from([
    "optim", "data", "machine", "measure", "stop", "optim.lr", "data.name", "seeds", "variant",
    "network.hidden", "network.hidden+", "epochs", "algorithm.feedback_scale", "published", "loss",
]), TREES | st.sampled_from(["{lr: 1}", "{}", "[1", "x.yaml", "null"])), max_size=3))  # fmt: skip
def test_any_value_of_an_option(path, said):
    path.write_text(yaml.safe_dump(WHOLE[0]))
    try:
        assert row_in(path, [f"--{option}={value}" for option, value in said]).hash
    except UserError as error:
        assert "\n" not in str(error)
