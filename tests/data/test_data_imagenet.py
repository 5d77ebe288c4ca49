"""ImageNet's folders, on a small tree of JPEG files."""

import pytest
import torch
from data_samples import process
from PIL import Image
from torchvision.transforms.functional import center_crop, resize, to_tensor

from benchmark.data.imagenet import ImageNet
from benchmark.errors import UserError


@pytest.fixture
def imagenet(image_tree):
    root = image_tree({"train": 10, "val": 3}, size=(40, 32), ext="jpg")

    def make(rank: int = 0, world: int = 1, **options) -> ImageNet:
        defaults = {"batch_size": 4, "val_size": 4, "size": 16, "workers": 0}
        data = ImageNet(root=str(root), **{**defaults, **options})
        data.trainer = process(rank, world)
        data.setup()
        return data

    return make


def epoch(data: ImageNet, number: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    loader = data.train_dataloader()
    loader.set_epoch(number)
    return list(loader)


def equal(a, b) -> bool:
    return all(torch.equal(p, q) for p, q in zip(a, b, strict=True))


def test_batches(imagenet):
    data = imagenet()
    assert data.shape == (3, 16, 16) and data.classes == 2
    assert data.sizes == {"train": 16, "val": 4, "test": 6} and data.steps_per_epoch == 4
    batches = epoch(data)
    assert len(batches) == len(data.train_dataloader()) == 4
    x, y = batches[0]
    assert x.shape == (4, 3, 16, 16) and x.dtype == torch.float32 and y.dtype == torch.int64
    assert x.min() >= 0 and 0.8 < x.max() <= 1
    assert [len(y) for _, y in data.val_dataloader()] == [4]
    assert list(imagenet(val_size=0).val_dataloader()) == []


def test_workers_change_nothing(imagenet):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    alone = epoch(imagenet(), 1)
    for workers in (1, 2):
        assert all(map(equal, epoch(imagenet(workers=workers), 1), alone))
    assert torch.equal(torch.get_rng_state(), state)
    assert not equal(epoch(imagenet(), 0)[0], alone[0])


def test_augmentation_is_drawn_by_sample_and_epoch(imagenet):
    data = imagenet(batch_size=16)
    draws = [x for number in range(3) for x in epoch(data, number)[0][0]]
    assert len(torch.stack(draws).flatten(1).unique(dim=0)) == 48
    plain = imagenet(batch_size=16, augment="none")
    draws = [x for number in range(3) for x in epoch(plain, number)[0][0]]
    assert len(torch.stack(draws).flatten(1).unique(dim=0)) == 16
    flips = imagenet(batch_size=16, augment="flip")
    draws = [x for number in range(5) for x in epoch(flips, number)[0][0]]
    assert len(torch.stack(draws).flatten(1).unique(dim=0)) > 24


def test_processes_together_see_the_batches_of_one(imagenet):
    alone = epoch(imagenet(), 1)
    ranks = [epoch(imagenet(rank, 2), 1) for rank in (0, 1)]
    for batch, *shares in zip(alone, *ranks, strict=True):
        assert equal(map(torch.cat, zip(*shares, strict=True)), batch)
    tests = [sum(len(y) for _, y in imagenet(rank, 4).test_dataloader()) for rank in range(4)]
    assert tests == [2, 2, 1, 1]


def test_evaluation_is_the_standard_crop_of_the_val_folder(imagenet):
    data = imagenet(normalize="standard", size=14)
    [(x, y)] = data.test_dataloader()
    assert y.tolist() == [0, 0, 0, 1, 1, 1]
    image = Image.open(data.files["test"][4])
    expected = to_tensor(center_crop(resize(image, [16]), [14, 14]))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (expected - mean[:, None, None]) / std[:, None, None]
    assert torch.allclose(x[4], expected, atol=1e-5)


def test_errors(imagenet, tmp_path):
    data = imagenet(workers=1, augment="none")
    broken = data.files["train"][int(data.train_items[3])]
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError) as error:
        epoch(data)
    assert str(error.value) == f"{broken} is not a readable image: mend or remove it"
    with pytest.raises(UserError, match=r"there is no folder .*none/train"):
        ImageNet(root=str(tmp_path / "none")).setup()
    with pytest.raises(UserError, match="batch_size 4 is not divisible by the 3 processes"):
        imagenet(world=3)
