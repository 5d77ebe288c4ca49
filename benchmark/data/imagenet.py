"""ImageNet and other trees of photographs that do not fit in memory, read by worker processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from benchmark.data.augment import Augmentation, Normalizer
from benchmark.data.base import DataModule
from benchmark.data.folder import scan
from benchmark.data.images import open_image
from benchmark.data.loader import Batch, EpochLoader
from benchmark.data.order import Schedule
from benchmark.errors import UserError
from benchmark.options import Count, CountOrZero
from benchmark.streams import stream

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's training set
KEYS = 2**62
Key = tuple[int, int]  # which image, and the seed of its augmentation


def transform(augment: Augmentation, size: int) -> v2.Transform:
    """PIL image -> uint8 [3, size, size]: the standard crops of ImageNet, at any size."""
    if augment == "crop_flip":
        steps: list[Any] = [v2.RandomResizedCrop(size, antialias=True)]
    else:
        steps = [v2.Resize(round(size * 256 / 224), antialias=True), v2.CenterCrop(size)]
    if augment == "jitter":
        steps.append(v2.RandomCrop(size, padding=2))
    elif augment != "none":
        steps.append(v2.RandomHorizontalFlip())
    return v2.Compose([*steps, v2.PILToTensor()])


class ImageFiles(Dataset[tuple[Tensor, int]]):
    """Image files, decoded and augmented on demand: a pure function of the key."""

    def __init__(self, files: list[Path], labels: Tensor, transform: v2.Transform) -> None:
        self.files, self.labels, self.transform = files, labels, transform

    def __getitem__(self, key: Key) -> tuple[Tensor, int]:
        item, seed = key
        path = self.files[item]
        image = open_image(path, str(path)).convert("RGB")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.transform(image), int(self.labels[item])


class FileReader:
    """Reads lists of keys as batches on a device, in worker processes that live for one pass."""

    def __init__(
        self, files: ImageFiles, workers: int, normalizer: Normalizer, device: torch.device
    ) -> None:
        self.files, self.workers = files, workers
        self.device, self.normalizer = device, normalizer.to(device)

    def read(self, keys: list[list[Key]]) -> Iterator[Batch]:
        """x float32 [n, 3, H, W] and y int64 [n] for each list of n keys."""
        loader = DataLoader(
            self.files,
            batch_sampler=keys,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # else the workers' seed comes from the global one
        )
        try:
            for x, y in loader:
                x, y = (t.to(self.device, non_blocking=True) for t in (x, y))
                yield self.normalizer(x), y
        except UserError as error:  # a worker's message comes with its traceback
            raise UserError(error.args[0].strip().rsplit("UserError: ")[-1]) from error


class FileLoader(EpochLoader):
    """The training loader: one mini-batch at a time."""

    def __init__(self, schedule: Schedule, reader: FileReader, items: Tensor) -> None:
        super().__init__(schedule, steps_per_call=1)
        self.reader, self.items = reader, items

    def chunks(self, epoch: int, start: int) -> Iterator[Batch]:
        plan = self.schedule
        positions = plan.positions()[start:]
        items = self.items[plan.order(epoch)[positions]].tolist()
        seeds = torch.randint(KEYS, (plan.size,), generator=stream(plan.seed, "augment", epoch))
        keys = zip(items, seeds[positions].tolist(), strict=True)
        yield from self.reader.read([list(zip(*row, strict=True)) for row in keys])


class FileEvaluation:
    """Every ``world``-th of the samples ``items``, once, unpadded and in order."""

    def __init__(self, reader: FileReader, items: Tensor, batch: int = 256) -> None:
        self.reader = reader
        self.keys = [[(i, 0) for i in part.tolist()] for part in items.split(batch) if len(part)]

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Batch]:
        return self.reader.read(self.keys)


class ImageNet(DataModule):
    """ImageNet: ``root``/train/<class>/* for training, ``root``/val/<class>/* as the test set.

    Tiny ImageNet as it is unpacked is read as well (see :func:`benchmark.data.folder.scan`).

    ``crop_flip`` is the standard random crop of 8 to 100 % of the area, scaled to ``size``, with
    flips. Otherwise, and for validation and test, the shorter side is scaled to 256/224 ``size``
    and the centre is cut. ``standard`` takes the usual constants of ImageNet. The checksum is that
    of the files' names.

    Args:
        batch_size, val_size, augment: see ``DataModule``.
        size: side of the images in pixels.
        workers: processes that read files; 0 to read in the training process.
        options: see ``DataModule``.
    """

    name = "imagenet"

    def __init__(
        self,
        *,
        batch_size: Count = 256,
        val_size: CountOrZero = 50_000,
        augment: Augmentation = "crop_flip",
        size: Count = 224,
        workers: CountOrZero = 4,
        **options: Any,
    ) -> None:
        super().__init__(batch_size=batch_size, val_size=val_size, augment=augment, **options)
        self.size, self.workers = size, workers

    def setup(self, stage: str | None = None) -> None:
        if not hasattr(self, "files"):
            root = Path(self.root)
            train, train_labels, classes = scan(root / "train")
            test, test_labels, _ = scan(root / "val", classes)
            self.files = {"train": train, "test": test}
            self.labels = {
                "train": torch.from_numpy(train_labels),
                "test": torch.from_numpy(test_labels),
            }
            digest = hashlib.sha256()
            for file in train + test:
                digest.update(f"{file.relative_to(root).as_posix()}\n".encode())
            self.sha256 = digest.hexdigest()
            self.shape, self.classes = (3, self.size, self.size), len(classes)
        self.partition(self.labels["train"], len(self.files["test"]))

    def _reader(self, part: str, augment: Augmentation) -> FileReader:
        normalizer = Normalizer.unit()
        if self.normalize == "standard":
            normalizer = Normalizer.standard(torch.tensor(MEAN), torch.tensor(STD))
        files = ImageFiles(self.files[part], self.labels[part], transform(augment, self.size))
        return FileReader(files, self.workers, normalizer, self.device)

    def train_dataloader(self) -> FileLoader:
        return FileLoader(self.schedule(), self._reader("train", self.augment), self.train_items)

    def _evaluation(self, part: str, items: Tensor) -> FileEvaluation:
        return FileEvaluation(self._reader(part, "none"), items[self.rank :: self.world])

    def val_dataloader(self) -> Iterable[Batch]:
        if self.val_size == 0:
            return []
        return self._evaluation("train", self.val_items)

    def test_dataloader(self) -> FileEvaluation:
        return self._evaluation("test", torch.arange(len(self.files["test"])))
