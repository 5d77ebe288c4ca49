"""Chunks, shares, orders, augmentation and normalization of resident data."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torchvision.transforms.functional import to_tensor

from benchmark.data.augment import Mover, Normalizer, channel_statistics
from benchmark.data.decoded import Decoded, Part
from benchmark.data.order import Schedule, split
from benchmark.errors import UserError
from benchmark.streams import stream

AUGMENTS = ("none", "flip", "crop_flip", "jitter")


def same(a, b):
    return len(a) == len(b) and all(
        torch.equal(p, q)
        for one, two in zip(a, b, strict=True)
        for p, q in zip(one, two, strict=True)
    )


@pytest.mark.parametrize("augment", AUGMENTS)
def test_chunks_do_not_change_a_bit(toy, minibatches, augment):
    options = {"augment": augment, "normalize": "standard"}
    one = minibatches(toy(steps_per_call=1, **options), epoch=3)
    assert len(one) == 92 // 8 and one[0][0].shape == (8, 2, 6, 5)
    assert one[0][0].dtype == torch.float32 and one[0][1].dtype == torch.int64
    for calls in (2, 4, 16):
        data = toy(steps_per_call=calls, **options)
        assert same(minibatches(data, epoch=3), one)
        sizes = [len(y) for _, y in data.train_dataloader()]
        assert len(sizes) == len(data.train_dataloader()) == -(-11 // calls)
        assert all(size == calls * 8 for size in sizes[:-1])


@pytest.mark.parametrize("augment", AUGMENTS)
@pytest.mark.parametrize("world", [2, 4])
def test_processes_together_see_the_batches_of_one(toy, minibatches, augment, world):
    alone = minibatches(toy(augment=augment), epoch=1)
    ranks = [minibatches(toy(r, world, augment=augment), epoch=1) for r in range(world)]
    joined = [
        tuple(map(torch.cat, zip(*shares, strict=True))) for shares in zip(*ranks, strict=True)
    ]
    assert same(joined, alone)


def test_an_epoch_is_a_permutation_that_seed_and_epoch_decide(toy, minibatches):
    data = toy(batch_size=1, steps_per_call=7)
    epochs = [minibatches(data, epoch) for epoch in (0, 1, 2)]
    pixels = [torch.cat([x for x, _ in e]).flatten(1) for e in epochs]
    assert len(pixels[0].unique(dim=0)) == 92
    assert not any(torch.equal(a, b) for a, b in pairwise(pixels))
    assert torch.equal(pixels[0].sort(0).values, pixels[1].sort(0).values)
    assert same(minibatches(toy(batch_size=1), 2), epochs[2])
    assert not same(minibatches(toy(batch_size=1, seed=1), 2), epochs[2])


def test_the_global_random_state_is_neither_used_nor_changed(toy, minibatches):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = minibatches(toy(augment="crop_flip"))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(minibatches(toy(augment="crop_flip")), first)


@pytest.mark.parametrize("augment", AUGMENTS[1:])
def test_augmentation_is_that_of_the_epoch_and_leaves_evaluation_alone(toy, minibatches, augment):
    plain, moved = toy(normalize="unit"), toy(augment=augment)
    for epoch in (0, 1):
        x, y = map(torch.cat, zip(*minibatches(plain, epoch), strict=True))
        got, labels = map(torch.cat, zip(*minibatches(moved, epoch), strict=True))
        moves = moved.mover.draw(92, stream(0, "augment", epoch))[:88]
        assert torch.equal(got, moved.mover(moved.mover.grow(x), torch.arange(88), moves))
        assert torch.equal(labels, y) and not torch.equal(got, x)
    for name in ("val_dataloader", "test_dataloader"):
        assert same(list(getattr(moved, name)()), list(getattr(plain, name)()))


def test_a_restored_place_counts_once_and_for_its_epoch(toy):
    loader = toy(steps_per_call=3).train_dataloader()
    whole = list(loader)
    loader.load_state_dict({"epoch": 0, "done": 3})
    assert same(list(loader), whole[3:])
    assert loader.state_dict() == {"epoch": 0, "done": 4}
    assert same(list(loader), whole)
    loader.load_state_dict({"epoch": 1, "done": 3})
    assert same(list(loader), whole)


@pytest.mark.parametrize("border", ["zero", "edge"])
@pytest.mark.parametrize(("margin", "flips"), [(0, True), (4, True), (2, False)])
def test_moved_images_equal_a_loop_over_samples(border, margin, flips):
    images = torch.from_numpy(np.random.default_rng(0).integers(1, 256, (9, 3, 6, 5), np.uint8))
    mover = Mover(margin, border, flips)
    grown = mover.grow(images)
    assert torch.equal(mover.shrink(grown), images)
    items = torch.tensor([3, 3, 8, 0, 5] * 20)
    moves = mover.draw(100, stream(0, "augment", 0))
    out = mover(grown, items, moves)
    mode = {"zero": "constant", "edge": "edge"}[border]
    for item, (top, left, flip), got in zip(items, moves.tolist(), out, strict=True):
        wide = np.pad(images[item].numpy(), ((0, 0), (margin,) * 2, (margin,) * 2), mode=mode)
        window = wide[:, top : top + 6, left : left + 5]
        assert np.array_equal(got.numpy(), window[..., ::-1] if flip else window)
    corners, flipped = moves[:, :2], moves[:, 2].sum()
    assert corners.min() == 0 and corners.max() == 2 * margin
    assert 30 < flipped < 70 if flips else flipped == 0


def test_normalization(toy, minibatches):
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (7, 3, 4, 4), np.uint8))
    pixels[:, 2] = 9  # a channel that never varies
    unit = torch.stack([to_tensor(image.permute(1, 2, 0).numpy()) for image in pixels])
    assert torch.equal(Normalizer.unit()(pixels), unit)
    mean, std = channel_statistics(pixels, chunk=3)
    assert torch.allclose(mean, unit.double().mean((0, 2, 3)))
    assert torch.allclose(std, unit.double().std((0, 2, 3), correction=0))
    standard = Normalizer.standard(mean, std)(pixels)
    assert standard.mean((0, 2, 3)).abs().max() < 1e-6 and standard[:, 2].abs().max() == 0
    assert torch.allclose(standard[:, :2].std((0, 2, 3), correction=0), torch.ones(2))
    data = toy(normalize="standard", val_size=0, batch_size=103)
    x = minibatches(data)[0][0]  # the whole training set: its own statistics
    assert x.mean((0, 2, 3)).abs().max() < 1e-5
    assert torch.allclose(x.std((0, 2, 3), correction=0), torch.ones(2), atol=1e-5)


def test_evaluation_sees_every_sample_once_on_any_world(toy):
    sizes = toy().sizes
    assert sizes == {"train": 92, "val": 11, "test": 21}
    for name, size in (("val_dataloader", sizes["val"]), ("test_dataloader", sizes["test"])):
        alone = torch.cat([x for x, _ in getattr(toy(), name)()])
        assert len(alone) == size
        ranks = [torch.cat([x for x, _ in getattr(toy(r, 4), name)()]) for r in range(4)]
        together = torch.cat(ranks)
        assert len(together) == size
        assert torch.equal(alone.flatten(1).unique(dim=0), together.flatten(1).unique(dim=0))
    assert list(toy(val_size=0).val_dataloader()) == []


def test_the_split_is_stratified_fixed_and_disjoint(toy):
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)[torch.randperm(100)]
    kept, held = split(labels, 10, stream(0, "split"))
    assert labels[held].bincount().tolist() == [5, 3, 2]
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(100))
    for size in (0, 1, 7, 99):
        assert len(split(labels, size, stream(0, "split"))[1]) == size
    assert torch.equal(toy(seed=0).val_items, toy(seed=1).val_items)
    assert not torch.equal(toy().val_items, toy(split_seed=1).val_items)


def test_ragged_rest_and_shares():
    plan = Schedule(size=23, batch_size=6, seed=0, rank=1, world=3)
    assert plan.steps == 3 and plan.local == 2
    assert plan.positions().tolist() == [[2, 3], [8, 9], [14, 15]]


def test_checksum_and_order_depend_on_content_only(toy):
    train, test = toy()._decoded.train, toy()._decoded.test
    shuffle = np.random.default_rng(0).permutation(len(train.images))
    shuffled = Part(train.images[shuffle], train.labels[shuffle])
    assert Decoded.of("toy", shuffled, test).sha256 == toy().sha256
    twins = np.repeat(train.images[:1], 2, 0)  # the same image in two classes
    twice = [Decoded.of("", Part(twins, np.array(y)), test, 4) for y in ([0, 1], [1, 0])]
    assert twice[0].sha256 == twice[1].sha256
    pixel = train.images.copy()
    pixel[3, 0, 0, 0] ^= 1
    label = train.labels.copy()
    label[3] ^= 1
    others = (Part(pixel, train.labels), Part(train.images, label))
    sums = {Decoded.of("toy", other, test).sha256 for other in others}
    assert len(sums | {toy().sha256}) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"val_size": -1}, "val_size is -1"),
        ({"steps_per_call": 0}, "steps_per_call is 0"),
        ({"normalize": "unity"}, "normalize 'unity' is unknown: choose from unit, standard"),
        ({"augment": "crop"}, "augment 'crop' is unknown"),
        ({"pad": "mirror"}, "pad 'mirror' is unknown"),
        ({"val_size": 103}, "val_size 103 leaves nothing of the 103 training samples"),
        ({"batch_size": 93}, "batch_size 93 is larger than the training set of 92 samples"),
        ({"world": 3}, "batch_size 8 is not divisible by the 3 processes"),
    ],
)
def test_user_errors(toy, options, message):
    with pytest.raises(UserError, match=message):
        toy(**options)


@pytest.mark.parametrize("label", [-1, 4])
def test_labels_out_of_range(toy, label):
    data = toy()._decoded
    wrong = data.test.labels.copy()
    wrong[5] = label
    with pytest.raises(UserError, match=f"test label {label} is out of range: labels are 0 to 3"):
        Decoded.of("toy", data.train, Part(data.test.images, wrong))
