"""Every config file is a valid row, whose published cell (if any) exists."""

import pytest

from benchmark.run.parse import CONFIGS, Names, names_in, parse, read_config, row_parser, to_row

COMPLETE = sorted(p for p in CONFIGS.glob("*/*.yaml") if p.parent.name not in ("bench", "tune"))
OURS = sorted((CONFIGS / "bench").glob("*.yaml"))


def row(names, path):
    return to_row(parse(row_parser(names), read_config(path), [], str(path)))


@pytest.mark.parametrize("path", COMPLETE, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_papers_row(path):
    assert row(names_in(read_config(path), path), path).epochs >= 1


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.stem)
def test_our_own_row(path):
    """Its file name is its place: <algorithm>.yaml or <dataset>-<network>-<algorithm>.yaml."""
    config = read_config(path)
    *place, algorithm = path.stem.split("-")
    dataset, network = place or ("mnist5k", config.get("network", {}).get("name", "mlp"))
    names = Names(algorithm, dataset, network)
    assert names.default_config == path
    assert row(names, path).algorithm["name"] == algorithm == config["algorithm"]["name"]
