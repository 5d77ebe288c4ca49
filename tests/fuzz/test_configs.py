"""A config, whatever it holds, is a row or one line that names the file."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonargparse import Namespace

from benchmark.errors import UserError
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.rows.parse import names_in, parse, read_config, read_named, row_parser, to_row
from benchmark.suite.rows.row import Row
from tests.fuzz.inputs import BYTES, SCALARS, TREES, damaged, mutated

FILES = sorted(CONFIGS.glob("bench/mnist*.yaml")) + sorted(CONFIGS.glob("ernoult2022_ldrl/*.yaml"))
ROWS = [yaml.safe_load(path.read_text()) for path in FILES]
WHOLE = [row for row in ROWS if all(row.get(g, {}).get("name") for g in ("algorithm", "network"))]
WHOLE = [{"data": {"name": "mnist5k"}, **row} for row in WHOLE]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("configs") / "row.yaml"


def row_in(path: Path) -> Row:
    names = names_in(path)
    options: Namespace = parse(row_parser(names), read_named(names, path), [], str(path))
    row = to_row(options)
    assert len(row.hash) == 12
    return row


def read_or_refused(path, content):
    """Either a row with a hash, or one line; and no file beside the config."""
    path.write_bytes(content)
    try:
        row_in(path)
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 5000
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@given(st.sampled_from(WHOLE).flatmap(mutated))
def test_changed_configs(path, content):
    read_or_refused(path, yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "replace"))


@given(st.sampled_from(FILES).flatmap(lambda file: damaged(file.read_bytes())))
def test_damaged_configs(path, content):
    read_or_refused(path, content)


@given(TREES)
def test_any_tree(path, content):
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
    args = [f"--{option}={value}" for option, value in said]
    names = names_in(path)
    try:
        to_row(parse(row_parser(names), read_named(names, path), args, str(path)))
    except UserError as error:
        assert "\n" not in str(error)
