"""Energy from counters in a made folder, by hand, and in a record."""

import json

import pytest
import torch

from benchmark.cli import main
from benchmark.engine import recorder
from benchmark.engine.energy import Counter, EnergyMeter, counters

CPU = torch.device("cpu")


def zone(root, name, energy, most=1000):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "max_energy_range_uj").write_text(f"{most * 10**6}\n")
    (folder / "energy_uj").write_text(f"{energy * 10**6}\n")
    return folder / "energy_uj"


def test_packages_add_and_wrap(tmp_path):
    first, second = zone(tmp_path, "intel-rapl:0", 100), zone(tmp_path, "intel-rapl:1", 990)
    zone(tmp_path, "intel-rapl:0:0", 50)  # the cores, which the package holds
    meter = EnergyMeter(counters(CPU, tmp_path))
    first.write_text("130000000\n")
    second.write_text("4000000\n")  # over the end of its range
    assert meter.knows and meter.lap() == pytest.approx(30 + 14)
    assert meter.lap() == 0


def test_what_cannot_be_read_is_left_out(tmp_path):
    zone(tmp_path, "intel-rapl:0", 100).unlink()
    zone(tmp_path, "intel-rapl:1", 100).write_text("none\n")
    assert counters(CPU, tmp_path) == counters(CPU, tmp_path / "nowhere") == []
    assert not EnergyMeter([]).knows


@pytest.mark.parametrize("tells", [True, False])
def test_in_a_record(tells, tmp_path, monkeypatch):
    clock = iter(range(10**6))
    found = [Counter(lambda: float(next(clock)))] if tells else []
    monkeypatch.setattr(recorder, "counters", lambda device: found)
    words = "bench --algorithm bp --dataset mnist5k --epochs 2 --seeds 1 --baseline false"
    assert main([*words.split(), "--results", str(tmp_path)]) == 0
    (path,) = (tmp_path / "records").glob("*.json")
    cost = json.loads(path.read_text())["cost"]
    if tells:
        assert 4 <= cost["joules"] < next(clock)
    else:
        assert "joules" not in cost
