"""ImageNet on paper: hours by hand, the exchange among processes, the page from small parts."""

import pytest

from benchmark.cli import main
from benchmark.suite.perf import scale
from tests.conformance.pictures import draw_images


def test_hours_by_hand():
    need = scale.Need("a row", flops=1e9, parameters=10**6, batch_size=100, epochs=2)
    # 2 epochs of 10 steps; 100 GFLOP on 4 GPUs of 1 TFLOP/s; 6 MB through a link of 1 GB/s
    steps, work, sent = 20, 100e9 / 4 / 1e12, 1.5 * 4e6 / 1e9
    assert scale.hours(need, 1000, 4, 1.0, 1.0) == pytest.approx(steps * (work + sent) / 3600)
    assert scale.hours(need, 1000, 1, 1.0, 1.0) == pytest.approx(steps * 0.1 / 3600)


@pytest.mark.parametrize("world", [1, 2])
def test_the_exchange_is_timed_for_each_size(world):
    times = scale.exchange_seconds(world, (10, 1000), rounds=2)
    assert len(times) == 2 and all(0 < t < 10 for t in times)


def test_the_page(tmp_path, monkeypatch):
    draw_images(tmp_path / "images")
    (tmp_path / "images" / "test").rename(tmp_path / "images" / "val")
    monkeypatch.setattr(scale, "ROWS", ("kunin2020_tworoutes/imagenet-resnet18-bp.yaml",))
    monkeypatch.setattr(scale, "exchange_seconds", lambda world, sizes, _: [0.001 * world] * 3)
    options = [f"--root={tmp_path / 'images'}", f"--results={tmp_path}", "--tflops=10"]
    assert main(["scale", *options]) == 0
    page = (tmp_path / "scale.md").read_text()
    # 1.8 billion multiplications forward, as often for the weights; back but to the image
    assert "kunin2020_tworoutes resnet18 bp" in page and "| 10.6" in page
    assert "| 4.0 " in page and "10 TFLOP/s" in page


@pytest.mark.parametrize("option", ["--tflops=0", "--link=nan"])
def test_senseless_numbers_are_refused(option, tmp_path, capsys):
    assert main(["scale", "--root", str(tmp_path), "--results", str(tmp_path), option]) == 2
    assert "must be above 0" in capsys.readouterr().err.splitlines()[-1]
