"""The data module every data set derives from: options, sizes, and the share of each process."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, get_args

import torch
from lightning import LightningDataModule
from torch import Tensor

from benchmark.data.augment import Augmentation, Normalization
from benchmark.data.loader import Batch, EpochLoader
from benchmark.data.order import Schedule, split
from benchmark.errors import UserError
from benchmark.options import Count, CountOrZero, check
from benchmark.streams import stream


def check_choice(option: str, value: object, literal: Any) -> None:
    """Raise UserError unless ``value`` is one of a Literal's."""
    known = get_args(literal)
    if value not in known:
        raise UserError(f"{option} {value!r} is unknown: choose from {', '.join(known)}")


class DataModule(LightningDataModule):
    """Training, validation and test samples of one data set.

    The training loader yields chunks of whole mini-batches (see ``EpochLoader``); the order of an
    epoch and its augmentation depend on ``seed`` and the epoch alone, neither on the number of
    processes nor on the chunks. Labels are int64 in 0 .. ``classes`` - 1.

    Args:
        batch_size: the global mini-batch size: each of R processes gets ``batch_size / R``.
        val_size: samples parted off the training set for validation, classes in proportion.
        split_seed: decides which ones.
        normalize: ``unit`` for [0, 1]; ``standard`` for zero mean and unit deviation per channel,
            over the whole training set before the split.
        augment: of training images: ``none``, ``flip`` (horizontal, one in two), ``crop_flip``, or
            ``jitter`` (shifted by up to 2 pixels).
        root: folder of the data sets.

    Attributes:
        frames: of a clip: so many samples, one after the other, are frames of one scene and stay
            together in every mini-batch; 1 for images that have nothing to do with each other.
        seed: of the run, set by the runner before the training loader is asked for.
        shape: C, H, W of an image, after ``setup``.
        classes: their number, after ``setup``.
        sizes: samples in ``train``, ``val`` and ``test``, after ``setup``.
        sha256: checksum of the data, after ``setup``.

    Raises:
        UserError: for an option out of range, here or in ``setup`` once the sizes are known.
    """

    name: str
    frames: int = 1
    seed: int = 0
    shape: tuple[int, int, int]
    classes: int
    sizes: dict[str, int]
    sha256: str

    def __init__(
        self,
        *,
        batch_size: Count = 64,
        val_size: CountOrZero = 0,
        split_seed: CountOrZero = 0,
        normalize: Normalization = "unit",
        augment: Augmentation = "none",
        root: str = "data",
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        check(type(self), self.hparams)  # those of derived classes too
        check_choice("normalize", normalize, Normalization)
        check_choice("augment", augment, Augmentation)
        self.batch_size, self.val_size, self.split_seed = batch_size, val_size, split_seed
        self.normalize, self.augment, self.root = normalize, augment, root

    @property
    def rank(self) -> int:
        """Of this process; 0 where no trainer is attached."""
        return self.trainer.global_rank if self.trainer else 0

    @property
    def world(self) -> int:
        """Number of processes; 1 where no trainer is attached."""
        return self.trainer.world_size if self.trainer else 1

    @property
    def device(self) -> torch.device:
        """Where batches are made: the trainer's device."""
        return self.trainer.strategy.root_device if self.trainer else torch.device("cpu")

    @property
    def local_batch_size(self) -> int:
        """Samples of a mini-batch that this process gets."""
        if self.batch_size % (self.world * self.frames):
            clips = f" of clips of {self.frames} frames" if self.frames > 1 else ""
            raise UserError(
                f"batch_size {self.batch_size} is not divisible by the {self.world} processes"
                f"{clips}: choose a multiple of {self.world * self.frames}"
            )
        return self.batch_size // self.world

    @property
    def steps_per_epoch(self) -> int:
        """Mini-batches an epoch; the ragged rest is dropped."""
        return self.sizes["train"] // self.batch_size

    @property
    def left_out(self) -> int:
        """Training samples in the ragged rest of an epoch, other ones each time."""
        return self.sizes["train"] % self.batch_size

    def partition(self, labels: Tensor, tests: int) -> None:
        """Part the validation set off the training set and note the sizes.

        Args:
            labels: classes of the whole training set, int64 [n]; one for each clip.
            tests: number of test samples, or clips.
        """
        if self.val_size % self.frames:
            raise UserError(
                f"val_size {self.val_size} is no number of clips of {self.frames} frames: choose a "
                f"multiple of {self.frames}"
            )
        generator, held_out = stream(self.split_seed, "split"), self.val_size // self.frames
        self.train_items, self.val_items = split(labels, held_out, generator)
        counts = {"train": len(self.train_items), "val": len(self.val_items), "test": tests}
        self.sizes = {part: n * self.frames for part, n in counts.items()}
        if self.steps_per_epoch == 0:
            raise UserError(
                f"batch_size {self.batch_size} is larger than the training set of "
                f"{self.sizes['train']} samples"
            )
        _ = self.local_batch_size  # fails here where it does not divide

    def schedule(self) -> Schedule:
        """The run's mini-batches, in clips, and this process's share of them."""
        clips, batch = self.sizes["train"] // self.frames, self.batch_size // self.frames
        return Schedule(clips, batch, self.seed, self.rank, self.world)

    @abstractmethod
    def setup(self, stage: str | None = None) -> None:
        """Load the data and set ``shape``, ``classes``, ``sizes`` and ``sha256``."""

    @abstractmethod
    def train_dataloader(self) -> EpochLoader:
        """Chunks of training mini-batches, with the ``seed`` of now."""

    @abstractmethod
    def val_dataloader(self) -> Iterable[Batch]:
        """This process's validation samples; empty for ``val_size`` 0."""

    @abstractmethod
    def test_dataloader(self) -> Iterable[Batch]:
        """This process's test samples."""
