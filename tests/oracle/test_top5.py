"""The five likeliest classes, counted by hand."""

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader, TensorDataset

from benchmark.algorithms.bp import BP
from benchmark.networks import NETWORKS


@pytest.mark.parametrize("classes", [100, 99])
def test_by_hand(classes, tmp_path):
    draw = torch.Generator().manual_seed(0)
    net = NETWORKS["mlp"]((1, 4, 4), classes, draw, hidden=[8])
    x, y = torch.randn(230, 1, 4, 4, generator=draw), torch.arange(230) % classes
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False,
        default_root_dir=tmp_path,
    )  # fmt: skip
    (found,) = trainer.test(BP(net), DataLoader(TensorDataset(x, y), 50), verbose=False)
    scores = net(x).detach().numpy()
    five = np.argsort(-scores, axis=1)[:, :5]
    right = 100 * np.mean((five == y.numpy()[:, None]).any(axis=1))
    if classes < 100:
        assert "test_acc_top5" not in found
    else:
        assert found["test_acc_top5"] == pytest.approx(right)
        assert found["test_acc_top5"] > found["test_acc"]
