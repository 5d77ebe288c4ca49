"""Clips: drifting images and trees of frames; frames of a clip stay together, whatever is drawn."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.cli import main
from benchmark.data.folder import Folder
from benchmark.data.moving import Moving, MovingMnist5k, drift
from benchmark.errors import UserError
from benchmark.streams import stream
from tests.conformance.rows import digits, digits_read_once


def ready(data, seed=3):
    data.seed = seed
    data.prepare_data()
    data.setup()
    return data


def test_a_step_to_the_right_is_the_image_one_pixel_on(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 6), dtype=np.uint8)
    monkeypatch.setattr(torch, "rand", lambda n, **_: torch.full((n,), 0.25))  # a right angle
    there = drift(images, 3, 1.0, torch.Generator())
    assert (there[:, 1] == images).all()
    assert (there[:, 2, :, :, 1:] == images[..., :-1]).all()
    assert (there[:, 2, :, :, 0] == images[..., 0]).all()  # the border's pixel enters
    assert (there[:, 0, :, :, :-1] == images[..., 1:]).all()
    half = drift(images, 2, 1.0, torch.Generator())  # half a pixel to the left, then to the right
    exact = (images[..., :-1].astype(float) + images[..., 1:]) / 2
    assert abs(half[:, 1, :, :, 1:] - exact).max() <= 0.51


def test_directions_are_drawn_and_still_clips_stand_still():
    images = digits().test.images[:500]
    still = drift(images, 4, 0.0, stream(0, "a"))
    assert (still == images[:, None]).all()
    a, b = (drift(images, 2, 2.0, stream(0, name)) for name in "ab")
    assert (a != b).any((1, 2, 3, 4)).mean() > 0.95
    assert (a == drift(images, 2, 2.0, stream(0, "a"))).all()


@pytest.mark.parametrize("augment", ["none", "crop_flip"])
def test_frames_of_a_clip_stay_together_and_move_as_one(augment):
    with digits_read_once():
        data = ready(MovingMnist5k(frames=4, motion=0.0, batch_size=40, augment=augment))
    assert data.sizes == {"train": 15_000, "val": 1_000, "test": 4_000}
    assert data.shape == (1, 28, 28) and data.steps_per_epoch == 375
    x, y = next(iter(data.train_dataloader()))
    assert data.train_dataloader().local_batch_size == 40 and len(y) == len(x) == 32 * 40
    clips = x.unflatten(0, (-1, 4))
    assert (clips == clips[:, :1]).all() and (y.view(-1, 4) == y[::4, None]).all()
    assert (clips[0, 0] != clips[1, 0]).any()
    for loader, n in ((data.val_dataloader(), 1_000), (data.test_dataloader(), 4_000)):
        parts = [(x.unflatten(0, (-1, 4)), y) for x, y in loader]
        assert sum(len(y) for _, y in parts) == n
        assert all((x == x[:, :1]).all() for x, _ in parts)


def test_two_processes_share_whole_clips():
    with digits_read_once():
        parts = []
        for rank in range(2):
            data = MovingMnist5k(batch_size=8)
            data.trainer = SimpleNamespace(
                global_rank=rank, world_size=2, strategy=SimpleNamespace(root_device="cpu")
            )
            x, _ = next(iter(ready(data).train_dataloader()))
            parts.append(x.view(-1, 4, 1, 28, 28))
        one, _ = next(iter(ready(MovingMnist5k(batch_size=8)).train_dataloader()))
    torch.testing.assert_close(torch.cat(parts, 1).flatten(0, 1), one, rtol=0, atol=0)


def test_channels_are_scaled_over_all_frames():
    with digits_read_once():
        data = ready(MovingMnist5k(motion=0.0, normalize="standard", val_size=0))
    x, _ = next(iter(data.train_dataloader()))
    assert abs(x.mean()) < 0.05 and abs(x.std() - 1) < 0.05


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 10, "frames": 4}, "batch_size 10 is not divisible .* multiple of 4"),
        ({"val_size": 7}, "val_size 7 is no number of clips of 2 frames"),
        ({"frames": 0}, "frames"),
        ({"motion": -1.0}, "motion"),
    ],
)
def test_numbers_that_fit_no_clip(options, said):
    with digits_read_once(), pytest.raises(UserError, match=said):
        ready(MovingMnist5k(**options))


def scene(folder, values):
    folder.mkdir(parents=True)
    for i, value in enumerate(values):
        Image.fromarray(np.full((4, 4), value, np.uint8)).save(folder / f"{i:03}.png")


def test_a_tree_of_frames(tmp_path):
    """Scenes of 5 and 2 frames are two clips and one."""
    for part in ("train", "test"):
        for k in range(2):
            scene(tmp_path / part / str(k) / "a", [10 * k + t for t in range(5)])
            scene(tmp_path / part / str(k) / "b", [100 + 10 * k, 101 + 10 * k])
    data = ready(Folder(root=str(tmp_path), frames=2, batch_size=6))
    assert data.sizes == {"train": 12, "val": 0, "test": 12} and data.classes == 2
    x, y = next(iter(data.train_dataloader()))
    pixels = (255 * x[:, 0, 0, 0]).round().int()
    assert (pixels[1::2] - pixels[::2] == 1).all() and (pixels % 10 < 4).all()
    assert sorted(pixels.tolist()) == [0, 1, 2, 3, 10, 11, 12, 13, 100, 101, 110, 111]
    assert ((pixels // 10 % 10) == y).all()
    scene(tmp_path / "train" / "0" / "c", [1])
    with pytest.raises(UserError, match="c has 1 frames, a clip 2"):
        ready(Folder(root=str(tmp_path), frames=2))
    (tmp_path / "train" / "0" / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"a\.png is no folder"):
        ready(Folder(root=str(tmp_path), frames=2))


def test_an_odd_number_of_frames_is_one_line(tmp_path, capsys):
    args = ["bench", "--algorithm", "pepita_video", "--dataset", "moving_mnist5k", "--seeds=1"]
    args += ["--baseline=false", "--epochs=1", "--network.hidden=[8]", "--data.frames=3"]
    options = ["--data.batch_size=30", "--data.val_size=0", "--results", str(tmp_path)]
    assert main([*args, *options]) == 2
    assert "two by two, and 3 is odd" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))


def test_every_moving_data_set_moves_another():
    kinds = {cls.still.name: cls.name for cls in Moving.__subclasses__()}
    assert kinds and all(moving == f"moving_{still}" for still, moving in kinds.items())
