"""Parquet exports, folders and the cache of decoded data."""

import errno
import io
import os
import resource
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from benchmark.data.folder import Folder
from benchmark.data.parquet import Parquet
from benchmark.errors import UserError


def png(seed: int, side: int = 6, mode: str = "RGB") -> bytes:
    shape = (side, side, 3) if mode == "RGB" else (side, side)
    pixels = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def export(folder: Path, columns=("img", "label"), shards=2, rows=8, **extra) -> Path:
    """train-*.parquet (``shards`` files) and one test-*.parquet of random images in two classes."""
    folder.mkdir(exist_ok=True)
    image, label = columns
    for part, count in (("train", shards), ("test", 1)):
        for shard in range(count):
            first = 100 * shard + 50 * (part == "test")
            table = [
                {
                    image: {"bytes": png(first + i), "path": f"{i}.png"},
                    label: (i + shard) % 2,
                    **extra,
                }
                for i in range(rows)
            ]
            name = folder / f"{part}-{shard:05d}-of-{count:05d}.parquet"
            pq.write_table(pa.Table.from_pylist(table), name)
    return folder


def parquet(root: Path, **options) -> Parquet:
    data = Parquet(root=str(root), batch_size=4, **options)
    data.setup()
    return data


def folder(root: Path, **options) -> Folder:
    data = Folder(root=str(root), batch_size=4, **options)
    data.setup()
    return data


def test_export_and_its_cache(tmp_path):
    root = export(tmp_path / "set")
    data = parquet(root, val_size=4)
    assert data.shape == (3, 6, 6) and data.classes == 2
    assert data.sizes == {"train": 12, "val": 4, "test": 8}
    decoded = data._decoded.train
    for seed in (0, 7, 100):  # pixels and labels went together
        pixels = np.asarray(Image.open(io.BytesIO(png(seed)))).transpose(2, 0, 1)
        place = (decoded.images == pixels).all((1, 2, 3)).nonzero()[0]
        assert decoded.labels[place].tolist() == [(seed // 100 + seed % 100) % 2]
    [kept] = (root / "cache").iterdir()
    assert kept.name.startswith("parquet-") and kept.suffix == ".npz"
    assert kept.stat().st_mode & 0o777 == 0o666 & ~umask()
    files = sorted(root.glob("*.parquet"))
    for file in files:  # only the cache can give the data now; size and time stay
        info = file.stat()
        file.write_bytes(bytes(info.st_size))
        os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))
    again = parquet(root, val_size=4)
    assert again.sha256 == data.sha256
    assert np.array_equal(again._decoded.train.images, decoded.images)
    os.utime(files[0])
    with pytest.raises(UserError, match=r"train-00000-of-00002\.parquet is truncated"):
        parquet(root)


def umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def test_columns(tmp_path):
    root = export(tmp_path / "a", columns=("photo", "kind"))
    assert parquet(root).classes == 2
    root = export(tmp_path / "b", columns=("img", "fine_label"), coarse_label=3)
    assert parquet(root).classes == 2
    with pytest.raises(UserError, match="labels are 1 numbers from 3 to 3: number the classes"):
        parquet(root, label_column="coarse_label")
    root = export(tmp_path / "c", columns=("img", "kind"), group=3)
    with pytest.raises(UserError, match="2 columns that may be the label: set label_column to one"):
        parquet(root)
    with pytest.raises(UserError, match="no image column picture: it has img, kind, group"):
        parquet(root, image_column="picture")
    for part in ("train", "test"):
        table = {"image": [png(i, mode="L") for i in range(8)], "label": list(range(8))}
        (tmp_path / "d").mkdir(exist_ok=True)
        pq.write_table(pa.table(table), tmp_path / "d" / f"{part}-0.parquet")
    assert parquet(tmp_path / "d").shape == (1, 6, 6)  # plain binary, grey
    assert parquet(tmp_path / "d", color="rgb").shape == (3, 6, 6)


def test_broken_exports(tmp_path):
    with pytest.raises(UserError, match=r"there is no train-\*\.parquet in .*none"):
        parquet(tmp_path / "none")
    root = export(tmp_path / "set")
    shard = root / "train-00001-of-00002.parquet"
    rows = pq.read_table(shard).to_pylist()
    cases = (
        ({"img": {"bytes": png(1)[:60], "path": ""}}, "row 5 of .*train-00001.* is not a readable"),
        ({"img": {"bytes": b"text", "path": ""}}, "row 5 of .*train-00001.* is not a readable"),
        ({"img": {"bytes": None, "path": ""}}, "row 5 of .* holds no image in column img"),
        ({"img": {"bytes": png(1, side=7), "path": ""}}, "7 x 7 pixels but those before are 6 x 6"),
        ({"label": None}, "rows without a label in column label"),
        ({"label": -1}, "labels are 3 numbers from -1 to 1: number the classes"),
    )
    for change, message in cases:
        changed = [{**row, **change} if i == 5 else row for i, row in enumerate(rows)]
        pq.write_table(pa.Table.from_pylist(changed), shard)
        with pytest.raises(UserError, match=message):
            parquet(root)
        assert list((root / "cache").iterdir()) == []
    pq.write_table(pa.Table.from_pylist(rows).slice(0, 0), root / "test-00000-of-00001.parquet")
    with pytest.raises(UserError, match="there are no images"):
        parquet(root)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign"])
def test_damaged_cache(tmp_path, damage):
    root = export(tmp_path / "set")
    parquet(root)
    [kept] = (root / "cache").iterdir()
    content = bytearray(kept.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    size = {"truncated": len(content) // 2, "empty": 0}.get(damage, len(content))
    kept.write_bytes(content[:size])
    if damage == "foreign":  # a sound file of other content
        other = dict(np.load(kept))
        other["train_images"][0, 0, 0, 0] ^= 1
        np.savez(kept, **other)
    with pytest.raises(UserError, match=f"{kept.name} is .*: delete it, and it will be made again"):
        parquet(root)
    kept.unlink()
    parquet(root)


def test_full_disk_leaves_no_half_file(tmp_path):
    root = export(tmp_path / "set")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # writing fails after 2000 bytes
    try:
        with pytest.raises(UserError, match=r"cannot be kept in .*cache.*set the option cache"):
            parquet(root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((root / "cache").iterdir()) == []
    assert parquet(root).sizes["train"] == 16


def test_unwritable_cache(tmp_path, monkeypatch):
    root = export(tmp_path / "set")
    (root / "cache").write_text("a file where the folder should be")
    decoded = []
    monkeypatch.setattr("benchmark.data.parquet._read", lambda *args: decoded.append(args))
    with pytest.raises(UserError, match="cannot be kept in"):
        parquet(root)
    assert not decoded  # it failed before the work
    monkeypatch.undo()

    def read_only(**options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", read_only)
        with pytest.raises(UserError, match=r"\(Read-only file system\): make room, or set"):
            parquet(root, cache=str(tmp_path / "other"))
    assert parquet(root, cache=str(tmp_path / "other")).sizes["train"] == 16


def test_folder(image_tree):
    root = image_tree({"train": 6, "test": 2}, size=(10, 8))
    (root / "train" / ".DS_Store").touch()
    (root / "train" / "cat" / ".hidden").touch()
    data = folder(root, val_size=2)
    assert data.shape == (3, 8, 10) and data.classes == 2
    assert data.sizes == {"train": 10, "val": 2, "test": 4}
    cat = np.asarray(Image.open(root / "test" / "cat" / "1.png")).transpose(2, 0, 1)
    [(x, y)] = data.test_dataloader()
    place = (x == torch.from_numpy(cat.copy()) / 255).flatten(1).all(1).nonzero()
    assert y[place].tolist() == [[0]]
    assert folder(root, size=4).shape == (3, 4, 4)
    assert folder(root, size=4, color="rgb").sha256 == folder(root, size=4).sha256
    with pytest.raises(UserError, match="is a colour image among grey ones: set color to rgb"):
        folder(root, color="gray")


def test_grey_folder(image_tree):
    assert folder(image_tree({"train": 4, "test": 2}, mode="L")).shape == (1, 8, 8)


def test_broken_folders(image_tree, tmp_path):
    with pytest.raises(UserError, match=r"there is no folder .*none/train: put one folder"):
        folder(tmp_path / "none")
    root = image_tree({"train": 4, "test": 2})
    Image.new("RGB", (9, 8)).save(root / "train" / "dog" / "9.png")
    with pytest.raises(UserError, match=r"dog/9\.png is 9 x 8 pixels but those before are 8 x 8"):
        folder(root)
    (root / "train" / "dog" / "9.png").write_text("no image")
    with pytest.raises(UserError, match=r"dog/9\.png is not a readable image"):
        folder(root)
    Image.new("I;16", (8, 8)).save(root / "train" / "dog" / "9.png")
    with pytest.raises(UserError, match=r"dog/9\.png has pixels of type I.*8 bits a channel"):
        folder(root)
    (root / "train" / "dog" / "9.png").unlink()
    (root / "test" / "emu").mkdir()
    Image.new("RGB", (8, 8)).save(root / "test" / "emu" / "0.png")
    with pytest.raises(UserError, match="test has an unknown class emu"):
        folder(root)
    (root / "test" / "emu" / "0.png").unlink()
    (root / "test" / "emu").rmdir()
    (root / "train" / "emu").mkdir()
    with pytest.raises(UserError, match=r"class folder .*train/emu is empty"):
        folder(root)
    (tmp_path / "bare" / "train").mkdir(parents=True)
    with pytest.raises(UserError, match="bare/train has no class folders"):
        folder(tmp_path / "bare")
