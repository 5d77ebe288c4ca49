"""Plain Lightning: a Trainer, a DataLoader and a module of one's own give the suite's weights."""

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmark import ALGORITHMS, as_network
from benchmark.engine.optim import Optim
from benchmark.errors import UserError
from benchmark.networks import Block
from benchmark.networks.block import Dropout
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.row import build_data
from benchmark.suite.run.runner import run, weights_sha256
from tests.conformance.rows import built, row_of

QUIET = dict(
    accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
    enable_checkpointing=False,
)  # fmt: skip


def plain(row):
    """The row's algorithm, its first epoch's mini-batches and its validation samples, for a plain
    Trainer."""
    algorithm, *_ = built(row)
    data = build_data(row, 0)
    data.prepare_data()
    data.setup("fit")
    n = row.data["batch_size"]
    steps = [
        pair
        for x, y in data.train_dataloader()
        for pair in zip(x.split(n), y.split(n), strict=True)
    ]
    return (
        algorithm,
        DataLoader(steps, batch_size=None),
        DataLoader(list(data.val_dataloader()), batch_size=None),
    )


@pytest.mark.parametrize("name", ["bp", "dfa", "pepita", "dtp", "ff", "ep", "wm", "usf"])
def test_a_plain_trainer_gives_the_suites_weights_and_metrics(name, tmp_path):
    row = row_of(name, epochs=1)
    record = run(row, 0, Machine(accelerator="cpu"), tmp_path)
    algorithm, train, val = plain(row)
    trainer = Trainer(max_epochs=1, default_root_dir=tmp_path, **QUIET)
    trainer.fit(algorithm, train, val)
    assert weights_sha256(algorithm) == record["weights_sha256"]
    assert trainer.global_step == algorithm.steps_done == len(train)
    for metric in ("train_loss", "train_acc", "val_loss", "val_acc"):
        assert float(trainer.callback_metrics[metric]) == pytest.approx(record["metrics"][metric])
    (validated,) = trainer.validate(algorithm, val, verbose=False)
    (tested,) = trainer.test(algorithm, val, verbose=False)
    assert validated["val_acc"] == tested["test_acc"] == pytest.approx(record["metrics"]["val_acc"])


def images(n=60):
    generator = torch.Generator().manual_seed(0)
    return TensorDataset(
        torch.rand(n, 1, 6, 6, generator=generator), torch.randint(3, (n,), generator=generator)
    )


def chain():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3),
    )  # fmt: skip


def test_a_chain_becomes_plain_blocks_that_compute_the_same():
    x = images()[:][0]
    expected = chain().eval()(x)
    net = as_network(chain(), (1, 6, 6)).eval()
    assert [type(block) for block in net.blocks] == [Block] * 3
    torch.testing.assert_close(net(x), expected)
    conv, hidden, out = net.blocks
    assert isinstance(conv.pool, nn.MaxPool2d) and not conv.activation.inplace
    assert isinstance(hidden.reshape, nn.Flatten) and isinstance(hidden.input_dropout, Dropout)
    assert isinstance(hidden.activation, nn.Tanh) and isinstance(out.activation, nn.Identity)


ODD = {  # chains and the types of their blocks
    "norm": ([nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)],
             [nn.Sequential, Block]),
    "pool first": ([nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)],
                   [Block, Block]),
    "mean first": ([nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)],
                   [nn.Sequential, Block]),
    "falls": ([nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.SiLU(), nn.Flatten(), nn.Linear(8, 2)],
              [nn.Sequential, Block]),
    "norm ahead": ([nn.BatchNorm1d(4), nn.Linear(4, 2)], [nn.Sequential]),
    "dropout": ([nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.1), nn.Linear(5, 2)], [Block, Block]),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_what_fits_no_plain_block_stays_in_a_chain(case):
    layers, kinds = ODD[case]
    shape = (1, 6, 6) if isinstance(layers[0], nn.Conv2d) else (4,)
    x = torch.randn(7, *shape)
    expected = nn.Sequential(*layers).eval()(x)
    net = as_network(layers, shape).eval()
    assert [type(block) for block in net.blocks] == kinds
    torch.testing.assert_close(net(x), expected)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.mix, self.out = nn.Linear(36, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.enter(x.flatten(1)).relu()
        return self.out(h + self.mix(h).relu())


@pytest.mark.parametrize("name", ["bp", "fa", "usf", "kp", "wm"])
def test_rules_through_synapses_train_any_module(name):
    algorithm = ALGORITHMS[name](as_network(Residual(), (1, 6, 6)), optim=Optim(lr=0.1))
    trainer = Trainer(max_epochs=1, **QUIET)
    before = [p.clone() for p in algorithm.net.parameters()]
    trainer.fit(algorithm, DataLoader(images(), batch_size=7))  # the last batch is ragged
    assert all(
        not torch.equal(a, b) for a, b in zip(before, algorithm.net.parameters(), strict=True)
    )
    assert trainer.global_step == 9


def test_persistent_states_need_the_suites_data():
    algorithm, train, _ = plain(row_of("ep", "--algorithm.persistent=true", epochs=1))
    with pytest.raises(UserError, match="persistent=true needs a data module"):
        Trainer(max_epochs=1, **QUIET).fit(algorithm, train)


@pytest.mark.parametrize("name", ["dfa", "pepita", "dtp", "ff"])
def test_rules_that_teach_blocks_refuse_other_modules(name):
    with pytest.raises(UserError, match="block by block"):
        ALGORITHMS[name](as_network(Residual(), (1, 6, 6)))


@pytest.mark.parametrize("name", ["bp", "dfa", "pepita", "ff", "dtp"])
def test_lightnings_own_callbacks_and_checkpoints_work(name, tmp_path):
    layers = [nn.Flatten(), nn.Linear(36, 9), nn.Tanh(), nn.Linear(9, 3)]
    algorithm = ALGORITHMS[name](
        as_network(layers, (1, 6, 6)), optim=Optim(lr=0.01, momentum=0.9), seed=3
    )
    best = ModelCheckpoint(tmp_path, monitor="val_acc", mode="max")
    callbacks = [best, EarlyStopping("train_loss", patience=9)]
    data = DataLoader(images(), batch_size=20)
    trainer = Trainer(max_epochs=2, callbacks=callbacks, **{**QUIET, "enable_checkpointing": True})
    trainer.fit(algorithm, data, data)
    fresh = as_network([nn.Flatten(), nn.Linear(36, 9), nn.Tanh(), nn.Linear(9, 3)], (1, 6, 6))
    loaded = type(algorithm).load_from_checkpoint(
        trainer.checkpoint_callback.best_model_path, net=fresh
    )
    assert loaded.optim == algorithm.optim and loaded.seed == 3
    (again,) = trainer.validate(loaded, data, verbose=False)
    assert again["val_acc"] == pytest.approx(float(best.best_model_score))
    x = images()[:][0]
    assert torch.equal(loaded(x), loaded.predict(x))


FAULTY = {
    "shape": ([nn.Linear(4, 2)], (1, 6, 6), "fails on inputs of shape"),
    "softmax": ([nn.Linear(4, 2), nn.Softmax(1)], (4,), "logits are needed"),
    "map": ([nn.Conv2d(1, 2, 3)], (1, 6, 6), "must give"),
    "nothing": ([nn.Flatten()], (4,), "no linear"),
}


@pytest.mark.parametrize("case", FAULTY)
def test_modules_that_cannot_be_trained_are_refused_in_one_line(case):
    layers, shape, message = FAULTY[case]
    with pytest.raises(UserError, match=message) as error:
        as_network(layers, shape)
    assert "\n" not in str(error.value)
