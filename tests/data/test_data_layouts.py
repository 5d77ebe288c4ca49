"""Other people's layouts are read whole or refused: nothing is lost in silence, nothing hangs."""

import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from test_data_files import export, folder, parquet, png

from benchmark.data.decoded import Decoded, Part
from benchmark.data.folder import scan
from benchmark.data.imagenet import ImageNet
from benchmark.data.images import open_image, stack
from benchmark.errors import UserError


def moved(root, layout):
    """An export's files under other names."""
    for path in sorted(root.glob("*.parquet")):
        new = root / layout(*path.stem.split("-of-")[0].rsplit("-", 1), path.name)
        new.parent.mkdir(parents=True, exist_ok=True)
        path.rename(new)
    return root


LAYOUTS = {
    "data": lambda part, k, name: f"data/{name}",
    "converted": lambda part, k, name: f"default/{part}/{int(k):04d}.parquet",
    "folders": lambda part, k, name: f"{part}/{int(k):04d}.parquet",
    "validation": lambda part, k, name: name.replace("test", "validation"),
    "valid": lambda part, k, name: f"data/{name.replace('test', 'valid')}",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_the_hub_hold_the_same_data(tmp_path, layout):
    plain = parquet(export(tmp_path / "plain")).sha256
    assert parquet(moved(export(tmp_path / "other"), LAYOUTS[layout])).sha256 == plain


@pytest.mark.parametrize("layout", ["data", "converted"])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_a_missing_shard_is_named(tmp_path, layout, k):
    root = moved(export(tmp_path / "set", shards=3), LAYOUTS[layout])
    sorted(p for p in root.rglob("*.parquet") if "train" in str(p))[k].unlink()
    if layout == "converted" and k != 1:
        return  # its names do not tell how many there are
    with pytest.raises(UserError, match=f"lacks number {k} of"):
        parquet(root)


@pytest.mark.parametrize("damage", ["rest", "pipe", "folder", "two exports"])
def test_shards_that_are_no_whole_export(tmp_path, damage):
    root = export(tmp_path / "set")
    shard = root / "train-00001-of-00002.parquet"
    if damage == "rest":
        shard.rename(f"{shard}.incomplete")
    elif damage == "two exports":
        shutil.copy(shard, root / "train-00000-of-00001.parquet")
    else:
        shard.unlink()
        (os.mkfifo if damage == "pipe" else os.mkdir)(shard)
    with pytest.raises(UserError, match=r"rest of a download|is no file|several exports"):
        parquet(root)


LABELS = {
    "from one": ([1, 2], "2 numbers from 1 to 2"),
    "huge": ([0, 2**62], "2 numbers from 0 to 4611686018427387904"),
    "unsigned": (pa.array([0, 2**64 - 1], pa.uint64()), "2 numbers from -1 to 0"),
    "negative": ([-1, 0], "2 numbers from -1 to 0"),
    "text": (["a", "b"], r"no column of whole numbers.*label \(string\)"),
    "booleans": ([True, False], r"no column of whole numbers.*label \(bool\)"),
    "floats": ([0.0, 1.0], r"no column of whole numbers.*label \(double\)"),
    "dictionaries": (pa.array(["a", "b"]).dictionary_encode(), "no column of whole numbers"),
    "one class": ([0, 0], "all training images are of one class"),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_that_are_no_classes(tmp_path, case):
    labels, message = LABELS[case]
    for part in ("train", "test"):
        table = pa.table({"image": [png(i) for i in range(2)], "label": labels})
        pq.write_table(table, tmp_path / f"{part}-0.parquet")
    with pytest.raises(UserError, match=message):
        parquet(tmp_path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, 0], "no test image is of class 1"), ([1, 2], "test label 2 is out of range")],
)
def test_classes_of_the_test_images_are_those_of_training(labels, message):
    pixels = np.zeros((2, 1, 2, 2), np.uint8)
    with pytest.raises(UserError, match=message):
        Decoded.of("x", Part(pixels, np.array([0, 1])), Part(pixels, np.array(labels)))


def test_a_class_folder_too_few(image_tree):
    root = image_tree({"train": 4, "test": 2})
    shutil.rmtree(root / "test" / "dog")
    with pytest.raises(UserError, match="test lacks the class dog"):
        folder(root)
    shutil.rmtree(root / "train" / "dog")
    with pytest.raises(UserError, match="train has one class, cat"):
        folder(root)


def test_numbered_classes_are_in_the_order_of_their_numbers(image_tree):
    root = image_tree({"train": 1}, classes=("10", "9", "2", "1"))
    assert scan(root / "train")[2] == ["1", "2", "9", "10"]
    (root / "train" / "10").rename(root / "train" / "x10")
    assert scan(root / "train")[2] == ["1", "2", "9", "x10"]


def test_test_images_may_lie_in_val(image_tree):
    root = image_tree({"train": 4, "test": 2})
    whole = folder(root).sha256
    (root / "test").rename(root / "valid")
    assert folder(root).sha256 == whole


STRANGE = {
    "pipe": os.mkfifo,
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to its folder": lambda path: path.symlink_to(path.parent),
    "folder": lambda path: path.mkdir(),
    "rest.part": lambda path: path.write_bytes(b"x"),
    "rest.JPG.incomplete": lambda path: path.write_bytes(b"x"),
    "half.zip": lambda path: path.write_bytes(b"PK\3\4"),
}


@pytest.mark.parametrize("where", ["train/cat", "train"])
@pytest.mark.parametrize("what", STRANGE)
def test_what_is_no_image_is_named(image_tree, where, what):
    root = image_tree({"train": 4, "test": 2})
    STRANGE[what](root / where / what)
    if where == "train" and what in ("pipe", "half.zip"):
        assert folder(root).sizes["train"] == 8  # beside the classes, as a README
        return
    with pytest.raises(UserError, match=what):
        folder(root)


def test_tiny_imagenet_as_it_is_unpacked(image_tree):
    root = image_tree({"train": 4, "val": 3}, size=(16, 16), ext="JPEG")
    plain = ImageNet(root=str(root), batch_size=2, val_size=2, size=8, workers=0)
    plain.setup()
    images, lines = root / "val" / "images", []
    images.mkdir()
    for split, name in ((s, n) for s in ("train", "val") for n in ("cat", "dog")):
        (root / split / name).rename(root / split / f"{name}_")
        for k, path in enumerate(sorted((root / split / f"{name}_").iterdir())):
            inside = root / split / name / "images"
            if split == "val":
                path.rename(images / f"{name}{k}.JPEG")
                lines.append(f"{name}{k}.JPEG\t{name}\t0\t0\t62\t62")
            else:
                inside.mkdir(parents=True, exist_ok=True)
                path.rename(inside / path.name)
        (root / split / f"{name}_").rmdir()
    (root / "train" / "cat" / "cat_boxes.txt").write_text("0.JPEG\t0\t0\t62\t62\n")
    (root / "test" / "images").mkdir(parents=True)
    Image.new("RGB", (16, 16)).save(root / "test" / "images" / "test_0.JPEG")
    told = root / "val" / "val_annotations.txt"
    told.write_text("\n".join(lines))
    tiny = ImageNet(root=str(root), batch_size=2, val_size=2, size=8, workers=0)
    tiny.setup()
    assert tiny.sizes == plain.sizes and tiny.labels["test"].tolist() == [0, 0, 0, 1, 1, 1]
    assert folder(root).sizes == {"train": 8, "val": 0, "test": 6}
    for wrong in ("\n".join(lines[1:]), "\n".join([*lines, "x.JPEG\tcat"]), "no tabs", "a\0b"):
        told.write_text(wrong)
        with pytest.raises(UserError, match="val_annotations"):
            folder(root)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photograph_is_turned_as_its_camera_was_held(tmp_path, turn):
    upright = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)
    stored = [  # what the viewer undoes, by the definition of EXIF orientation
        upright, upright[:, ::-1], upright[::-1, ::-1], upright[::-1],
        upright.transpose(1, 0, 2), np.rot90(upright), np.rot90(upright, 2).transpose(1, 0, 2),
        np.rot90(upright, -1),
    ][turn - 1]  # fmt: skip
    image = Image.fromarray(np.ascontiguousarray(stored))
    exif = image.getexif()
    exif[0x0112] = turn
    image.save(tmp_path / "photo.png", exif=exif)
    assert np.array_equal(np.asarray(open_image(tmp_path / "photo.png", "photo")), upright)


def test_an_image_is_no_pipe_and_of_a_usual_format(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "drawing.png", "tga")  # one of the rare formats
    for name in ("pipe.png", "drawing.png"):
        with pytest.raises(UserError, match=name):
            open_image(tmp_path / name, name)


@pytest.mark.parametrize("announced", [1, 3])
def test_no_image_is_made_up_and_none_left_out(announced):
    with pytest.raises(UserError, match=f"there are 2 images where {announced} are announced"):
        stack([(png(0), "a"), (png(1), "b")], announced, "here", "auto")
