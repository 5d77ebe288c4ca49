"""Resident images scaled to another size."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmark.data.augment import Normalizer, channel_statistics, scaled
from benchmark.errors import UserError


def test_scaled_images_are_pillows():
    images = np.random.default_rng(0).integers(0, 256, (5, 1, 28, 28), dtype=np.uint8)
    ours = scaled(torch.from_numpy(images), 32, chunk=2).numpy()
    for one, image in zip(ours, images, strict=True):
        theirs = np.asarray(Image.fromarray(image[0]).resize((32, 32), Image.Resampling.BILINEAR))
        assert one.dtype == np.uint8
        assert np.abs(one[0].astype(int) - theirs.astype(int)).max() <= 1


def test_every_part_is_scaled_and_the_statistics_are_from_before(toy):
    data, plain = toy(resize=8, normalize="standard"), toy(normalize="standard")
    assert data.shape == (2, 8, 8) and plain.shape == (2, 6, 5)
    assert data.sha256 == plain.sha256
    test = torch.from_numpy(plain._decoded.test.images)
    statistics = channel_statistics(torch.from_numpy(plain._decoded.train.images))
    [(x, _)] = data.test_dataloader()
    assert torch.equal(x, Normalizer.standard(*statistics)(scaled(test, 8)))
    for loader in (data.train_dataloader(), data.val_dataloader()):
        assert next(iter(loader))[0].shape[1:] == (2, 8, 8)
    assert next(iter(toy(resize=8, augment="crop_flip").train_dataloader()))[0].shape[1:] == (
        2,
        8,
        8,
    )


def test_a_size_below_one_is_refused(toy):
    with pytest.raises(UserError, match="resize is 0: it must be at least 1"):
        toy(resize=0)
