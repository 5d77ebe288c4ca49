"""Attacks beside those of the library adversarial-robustness-toolbox, where it is installed."""

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.algorithms.fa import FA
from benchmark.credit.true_gradient import symmetric
from benchmark.data.mnist5k import Mnist5k
from benchmark.measure import attacks
from benchmark.measure.victim import Victim
from benchmark.networks.mlp import MLP
from benchmark.streams import stream

pytest.importorskip(
    "art", reason="pip install adversarial-robustness-toolbox", exc_type=ImportError
)
from art.attacks.evasion import (
    FastGradientMethod,
    ProjectedGradientDescent,
    SquareAttack,
)
from art.estimators.classification import PyTorchClassifier

EPS = 0.1


@pytest.fixture(scope="module")
def trained():
    """A feedback alignment network after 160 steps, 200 digits, and ART's view of it.

    ART follows the true gradient too: its copy of the network learned nothing of B.
    """
    data = Mnist5k().decode()
    net = MLP((1, 28, 28), 10, stream(0, "init"), hidden=[64, 64])
    fa = FA(net)
    x = torch.from_numpy(data.train.images).float() / 255
    y = torch.from_numpy(data.train.labels)
    optimizer = torch.optim.SGD(fa.parameters(), lr=0.02, momentum=0.9)
    for part in torch.randperm(len(x), generator=stream(0, "order")).split(25)[:160]:
        optimizer.zero_grad()
        fa.credit(x[part], y[part]).objective.backward()
        optimizer.step()
    images = torch.from_numpy(data.test.images[::5]).float() / 255
    labels = torch.from_numpy(data.test.labels[::5])
    net.load_state_dict({k: v for k, v in fa.net.state_dict().items() if not k.endswith("B")})
    theirs = PyTorchClassifier(
        net, nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    victim = Victim(fa, lambda pixels: pixels / 255, images[:1], labels[:1])
    return victim, theirs, images, labels


def assert_same(ours, theirs):
    """But where a gradient is so near 0 that rounding, in float32, decides its sign."""
    different = (ours - torch.from_numpy(theirs)).abs() > 1e-5
    assert different.float().mean() < 0.005


def test_fgsm(trained):
    victim, art, x, y = trained
    theirs = FastGradientMethod(art, eps=EPS).generate(x.numpy(), y.numpy())
    assert_same(attacks.fgsm(victim.gradient, x, y, EPS), theirs)


def test_pgd(trained):
    victim, art, x, y = trained
    attack = ProjectedGradientDescent(art, eps=EPS, eps_step=0.02, max_iter=7, verbose=False)
    theirs = attack.generate(x.numpy(), y.numpy())
    assert_same(attacks.pgd(victim.gradient, x, y, EPS, 7, 0.02), theirs)


def test_square_leaves_as_many(trained):
    """Other draws, and theirs places a square for all images at once: equal within 4 errors."""
    victim, art, x, y = trained
    np.random.seed(0)
    attack = SquareAttack(art, eps=0.2, max_iter=100, p_init=0.8, nb_restarts=1, verbose=False)
    theirs = torch.from_numpy(attack.generate(x.numpy(), y.numpy()))
    ours = attacks.square(victim.scores, x, y, 0.2, 100, stream(0, "square")).x
    before, own, other = (victim.right(z, y).float().mean().item() for z in (x, ours, theirs))
    assert before > 0.7 and 0.05 < own < before - 0.2
    assert abs(own - other) < 4 * (2 * own * (1 - own) / len(x)) ** 0.5


def test_feedback_is_another_direction(trained):
    victim, art, x, y = trained
    theirs = FastGradientMethod(art, eps=EPS).generate(x.numpy(), y.numpy())
    ours = attacks.fgsm(victim.feedback, x, y, EPS)
    assert ((ours - torch.from_numpy(theirs)).abs() > 1e-5).float().mean() > 0.1
    with symmetric(victim.algorithm.net):
        assert_same(attacks.fgsm(victim.feedback, x, y, EPS), theirs)
