"""The loaders inside Lightning: orders by epoch, resuming, no second copy, no wrapping."""

import warnings
from pathlib import Path

import pytest
import torch
from lightning import Callback, LightningModule, Trainer

from benchmark.data import DATASETS, DataModule


class Recorder(LightningModule):
    """Notes the images of every training step; can save a checkpoint in mid-epoch."""

    def __init__(self, save_at: tuple[int, int] | None = None, path: Path | None = None) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: dict[int, list[torch.Tensor]] = {}
        self.evaluated = 0
        self.save_at, self.path = save_at, path

    def training_step(self, batch, index):
        self.seen.setdefault(self.current_epoch, []).append(batch[0].clone())
        self.optimizers().step()

    def on_train_batch_end(self, outputs, batch, index):
        if (self.current_epoch, index) == self.save_at:
            self.trainer.save_checkpoint(self.path)

    def validation_step(self, batch, index):
        self.evaluated += len(batch[1])

    test_step = validation_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.0)

    def epoch(self, number: int) -> torch.Tensor:
        return torch.cat(self.seen[number])


def trainer(epochs: int, **options) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=options.pop("sanity", 0),
        **options,
    )


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(params=["toy", "imagenet"])
def data(request, toy, image_tree) -> DataModule:
    """A data module without a trainer, resident or read by a worker process."""
    if request.param == "toy":
        module = toy(augment="crop_flip", steps_per_call=3)
    else:
        root = image_tree({"train": 12, "val": 3}, ext="jpg")
        module = DATASETS["imagenet"](root=str(root), batch_size=4, val_size=4, size=8, workers=1)
    module.trainer = None
    return module


def fit(data, epochs, ckpt=None, **options) -> Recorder:
    model = Recorder(**options)
    trainer(epochs).fit(model, datamodule=data, ckpt_path=ckpt)
    return model


def test_epochs_differ_and_resumed_runs_continue(data, tmp_path):
    whole = fit(data, 3, save_at=(1, 1), path=tmp_path / "middle.ckpt")
    chunks = len(data.train_dataloader())
    assert [len(whole.seen[e]) for e in range(3)] == [chunks] * 3 and chunks > 3
    assert not torch.equal(whole.epoch(0), whole.epoch(1))
    assert not torch.equal(whole.epoch(1), whole.epoch(2))
    loader = data.train_dataloader()
    for number in range(3):
        loader.set_epoch(number)
        assert torch.equal(torch.cat([x for x, _ in loader]), whole.epoch(number))

    resumed = fit(
        data, 3, ckpt=tmp_path / "middle.ckpt", save_at=(1, 2), path=tmp_path / "again.ckpt"
    )
    assert list(resumed.seen) == [1, 2]
    assert torch.equal(resumed.epoch(1), torch.cat(whole.seen[1][2:]))
    assert torch.equal(resumed.epoch(2), whole.epoch(2))
    resumed = fit(data, 3, ckpt=tmp_path / "again.ckpt")
    assert torch.equal(resumed.epoch(1), torch.cat(whole.seen[1][3:]))
    assert torch.equal(resumed.epoch(2), whole.epoch(2))


@pytest.mark.parametrize("last", [True, False])
def test_resuming_after_a_whole_epoch(toy, tmp_path, last):
    data = toy(steps_per_call=3)
    data.trainer = None
    path = tmp_path / "end.ckpt"
    if last:  # at the end of the last batch, before the epoch is over
        whole = fit(data, 3, save_at=(0, 3), path=path)
    else:
        first = trainer(1)
        first.fit(Recorder(), datamodule=data)
        first.save_checkpoint(path)
        whole = fit(data, 3)
    assert len(data.train_dataloader()) == 4
    resumed = fit(data, 3, ckpt=path)
    assert list(resumed.seen) == [1, 2]
    for number in (1, 2):
        assert torch.equal(resumed.epoch(number), whole.epoch(number))


def test_lightning_neither_wraps_nor_copies(toy):
    data = toy()
    data.trainer = None
    given: list[int] = []

    class Pointers(Callback):
        def on_train_batch_start(self, trainer, module, batch, index):
            given.append(batch[0].data_ptr())

    made: list[int] = []
    loader = data.train_dataloader()
    original = loader.chunks

    def chunks(epoch, start):
        for x, y in original(epoch, start):
            made.append(x.data_ptr())
            yield x, y

    loader.chunks = chunks
    data.train_dataloader = lambda: loader
    runner = trainer(1, callbacks=[Pointers()])
    runner.fit(Recorder(), datamodule=data)
    assert runner.train_dataloader is loader
    assert given == made and len(made) == 1


def test_evaluation_counts_every_sample(toy):
    data = toy()
    data.trainer = None
    model = Recorder()
    runner = trainer(1, sanity=1)
    runner.fit(model, datamodule=data)
    assert model.evaluated == 11 + 11  # the sanity check and the epoch's validation
    model.evaluated = 0
    runner.test(model, datamodule=data, verbose=False)
    assert model.evaluated == 21


def test_no_validation_set(toy):
    data = toy(val_size=0)
    data.trainer = None
    model = fit(data, 1)
    assert model.evaluated == 0 and len(model.seen[0]) == 1
