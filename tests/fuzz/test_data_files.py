"""Data files, whatever they hold, are images with labels or one line; nothing half-read is kept."""

import io
import os
import pickle
import shutil
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision import datasets

from benchmark.data.cache import _read
from benchmark.data.folder import Folder, scan
from benchmark.data.images import open_image
from benchmark.data.parquet import Parquet
from benchmark.data.vision import Cifar10, Mnist
from benchmark.errors import UserError
from tests.fuzz.inputs import BYTES, TREES, damaged

RNG = np.random.default_rng(0)


def image(form: str, side: int = 5, **options) -> bytes:
    """A small random image as a file's bytes."""
    file = io.BytesIO()
    pixels = RNG.integers(0, 256, (side, side, 3)).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if form == "gif":
        picture = picture.convert("P")
    picture.save(file, form, **options)
    return file.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
IMAGES = [image(form) for form in ("png", "jpeg", "webp", "bmp", "gif", "tiff", "ppm")]
IMAGES += [image("jpeg", exif=EXIF), image("png", exif=EXIF)]


def read_or_refused(read, *names):
    """What ``read`` gives, or None where it refuses in one line with a name in it."""
    try:
        return read()
    except UserError as error:
        assert "\n" not in str(error)
        assert not names or any(name in str(error) for name in names), error
        return None


@given(st.sampled_from(IMAGES).flatmap(damaged) | BYTES)
def test_images(content):
    found = read_or_refused(lambda: open_image(content, "picture"), "picture")
    assert found is None or np.asarray(found.convert("RGB")).ndim == 3


def idx(array: np.ndarray, magic: int) -> bytes:
    return struct.pack(f">I{array.ndim}I", magic, *array.shape) + array.tobytes()


IDX = {}
for prefix, n in (("train", 20), ("t10k", 10)):
    IDX[f"{prefix}-images-idx3-ubyte"] = idx(RNG.integers(0, 255, (n, 4, 4)).astype(np.uint8), 2051)
    IDX[f"{prefix}-labels-idx1-ubyte"] = idx(np.arange(n).astype(np.uint8) % 10, 2049)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def decoded(data):
    """A set-up data module's sizes, after a look at what it hands out."""
    data.prepare_data()
    data.setup()
    x, y = next(iter(data.train_dataloader()))
    assert len(x) == len(y) and 0 <= int(y.min()) <= int(y.max()) < data.classes
    return data.sizes


@given(
    st.sampled_from(sorted(IDX)).flatmap(lambda name: st.tuples(st.just(name), damaged(IDX[name])))
)
def test_idx_files(root, changed):
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (IDX | dict([changed])).items():
        (folder / name).write_bytes(content)
    data = Mnist(root=str(root), val_size=0, batch_size=4)
    read_or_refused(lambda: decoded(data), "idx", "mnist")
    assert {path.name for path in root.iterdir()} <= {"MNIST", "set", "tree", "cifar", "cache"}


BATCH = pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1]})


@given(damaged(BATCH) | BYTES)
def test_pickles_are_not_opened_unless_they_are_the_known_ones(root, content):
    """Whatever a pickle would do, it is not done: its sum is another than CIFAR's."""
    folder = root / "cifar" / "cifar-10-batches-py"
    folder.mkdir(parents=True, exist_ok=True)
    program = b"cos\nsystem\n(S'touch " + str(root / "done").encode() + b"'\ntR."
    for name, _ in [*datasets.CIFAR10.train_list, *datasets.CIFAR10.test_list]:
        (folder / name).write_bytes(program if "3" in name else content)
    assert read_or_refused(lambda: decoded(Cifar10(root=str(root / "cifar"))), "cifar") is None
    assert not (root / "done").exists()


def table(labels, images=None) -> bytes:
    file = io.BytesIO()
    images = [image("png") for _ in labels] if images is None else images
    pq.write_table(pa.table({"image": images, "label": labels}), file)
    return file.getvalue()


def parquet(root, train, test):
    folder = root / "set"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "train-00000-of-00001.parquet").write_bytes(train)
    (folder / "test-00000-of-00001.parquet").write_bytes(test)
    data = Parquet(root=str(folder), batch_size=2)
    sizes = read_or_refused(lambda: decoded(data), "parquet", "set")
    kept = list(folder.glob("cache/*"))
    assert len(kept) == (sizes is not None) or not kept
    return sizes


WHOLE = table([0, 1, 0, 1])


def test_the_whole_files_are_read(root):
    assert parquet(root, WHOLE, WHOLE) == {"train": 4, "val": 0, "test": 4}


@given(damaged(WHOLE), st.booleans())
def test_damaged_parquet(root, content, swap):
    parquet(root, *((WHOLE, content) if swap else (content, WHOLE)))


LABELS = st.one_of(
    st.lists(st.integers(-2, 4), min_size=1, max_size=5),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4),
    st.lists(st.none() | st.integers(0, 2), min_size=1, max_size=4),
    st.lists(st.floats(), min_size=1, max_size=4),
    st.lists(st.text(max_size=3), min_size=1, max_size=4),
    st.lists(st.booleans(), min_size=1, max_size=4),
    st.lists(st.integers(0, 2**64 - 1), min_size=2).map(lambda x: pa.array(x, pa.uint64())),
    st.lists(st.sampled_from("ab"), min_size=2).map(lambda x: pa.array(x).dictionary_encode()),
    st.lists(st.lists(st.integers(0, 1)), min_size=1, max_size=3),
)  # fmt: skip


@given(LABELS, LABELS | st.just([0, 1]))
def test_any_labels(root, train, test):
    """Read only where they are 0 to K - 1 in both parts."""
    sizes = parquet(root, table(train), table(test))
    if sizes is not None:
        classes = set(pa.array(train).to_pylist())
        assert classes == set(range(len(classes))) == set(pa.array(test).to_pylist())
        assert sizes == {"train": len(train), "val": 0, "test": len(test)}


@given(st.lists(st.sampled_from(IMAGES) | st.none() | BYTES, min_size=2, max_size=3))
def test_any_images(root, images):
    labels = [k % 2 for k in range(len(images))]
    parquet(root, table(labels, pa.array(images, pa.binary())), WHOLE)


@given(st.lists(TREES, min_size=1, max_size=3))
def test_any_columns(root, rows):
    try:
        file = io.BytesIO()
        pq.write_table(pa.table({"image": pa.array(rows), "label": list(range(len(rows)))}), file)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return  # no column at all
    parquet(root, file.getvalue(), WHOLE)


ENTRIES = st.sampled_from(["png", "jpeg", "text", "empty", "pipe", "folder", "broken", "loop", "up",
                           "rest.part", ".hidden", "images/"])  # fmt: skip
CLASSES = st.dictionaries(
    st.sampled_from(["1", "2", "10", "a", ".git", "images", "b.incomplete"]),
    st.lists(ENTRIES, max_size=3),
    max_size=3,
)


def put(folder, entry, k):
    """One entry of a class folder."""
    path = folder / f"{k}-{entry.strip('/.')}"
    if entry in ("png", "jpeg"):
        path.write_bytes(IMAGES[0] if entry == "png" else IMAGES[1])
    elif entry == "pipe":
        os.mkfifo(path)
    elif entry in ("folder", "images/"):
        ((folder / "images") if entry == "images/" else path).mkdir(exist_ok=True)
    elif entry in ("broken", "loop", "up"):
        path.symlink_to({"broken": "nowhere", "loop": path.name, "up": ".."}[entry])
    elif entry == ".hidden":
        (folder / ".hidden").write_bytes(b"")
    else:
        path.write_bytes(b"" if entry == "empty" else b"some text")


@given(CLASSES, CLASSES | st.none())
def test_any_tree_of_folders(root, train, test):
    """Read whole or refused: as many images as there are files, and in each class the same ones."""
    tree = root / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for part, classes in (("train", train), ("test", train if test is None else test)):
        (tree / part).mkdir(parents=True)
        for name, entries in classes.items():
            (tree / part / name).mkdir()
            for k, entry in enumerate(entries):
                put(tree / part / name, entry, k)
    found = read_or_refused(lambda: scan(tree / "train"), "tree")
    if found is not None:
        files, labels, names = found
        assert len(files) == len(labels) and all(path.is_file() for path in files)
        assert names == sorted(names, key=int if all(map(str.isdigit, names)) else str)
    data = Folder(root=str(tree), batch_size=2, cache=str(root / "cache"))
    read_or_refused(lambda: decoded(data), "tree", "batch_size")


@pytest.fixture(scope="module")
def kept(root):
    """The bytes of a decoded copy in the cache."""
    parquet(root, WHOLE, WHOLE)
    (path,) = (root / "set" / "cache").iterdir()
    return path.read_bytes()


@given(st.data())
def test_damaged_copies_in_the_cache(root, kept, data):
    path = root / "copy.npz"
    path.write_bytes(data.draw(damaged(kept) | BYTES))
    found = read_or_refused(lambda: _read(path), "copy.npz")
    path.unlink()
    assert found is None or found.sha256
