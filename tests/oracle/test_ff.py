"""Forward-Forward by hand: the layers' updates, labels in images, negatives, prediction."""

from types import SimpleNamespace

import pytest
import torch

from benchmark.algorithms.ff import FF
from benchmark.algorithms.scff import SCFF
from benchmark.credit.goodness import (
    Goodness,
    Label,
    LabelDisplay,
    hard_labels,
    hybrids,
    peer_loss,
    wrong_labels,
)  # fmt: skip
from benchmark.errors import UserError
from benchmark.networks.mlp import MLP
from benchmark.streams import stream

N, CLASSES = 6, 3


def built(**options):
    generator = torch.Generator().manual_seed(0)
    net = MLP((1, 3, 4), CLASSES, generator, hidden=(9, 8))
    ff = FF(net, classes=CLASSES, **options).double()
    x = torch.rand(N, 1, 3, 4, generator=generator, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0, 1, 2])
    return ff, x, y


def labelled(x, y):
    shown = x.flatten(1).clone()
    shown[:, :CLASSES] = torch.eye(CLASSES, dtype=x.dtype)[y]
    return shown


@pytest.mark.parametrize("kind", ["sum", "mean"])
@pytest.mark.parametrize("length", ["rms", "l2"])
def test_ff_update(kind, length, monkeypatch):
    ff, x, y = built(goodness=Goodness(kind, threshold=0.7), length=length)
    wrong = (y + 1) % CLASSES
    monkeypatch.setattr("benchmark.credit.goodness.wrong_labels", lambda *_: wrong)
    W1, W2 = (block.synapse.weight for block in ff.net.blocks)

    z = torch.cat([labelled(x, y), labelled(x, wrong)])
    is_positive = torch.cat([torch.ones(N), torch.zeros(N)]).double()
    expected = []
    for W in (W1.detach(), W2.detach()):
        norm = z.norm(dim=1, keepdim=True)
        z = z / norm * (z.shape[1] ** 0.5 if length == "rms" else 1)
        h = (z @ W.T).clamp(min=0)
        units = h.shape[1]
        g = (h**2).sum(1) / (units if kind == "mean" else 1)
        theta = 0.7 * (units if kind == "sum" else 1)
        error = (g - theta).sigmoid() - is_positive  # d loss / d g
        dg = 2 * h / (units if kind == "mean" else 1)
        expected.append((error[:, None] * dg).T @ z / (2 * N))
        z = h
    credit = ff.credit(x, y)
    for got, want in zip(torch.autograd.grad(credit.objective, [W1, W2]), expected, strict=True):
        torch.testing.assert_close(got, want)
    # Without a read-out the logits are goodness of the last layer, for the two labels shown.
    torch.testing.assert_close(credit.logits[range(N), y], g[:N])
    torch.testing.assert_close(credit.logits[range(N), wrong], g[N:])


def test_prediction_tries_every_label():
    ff, x, _ = built(skip=0)
    scores = ff.predict(x)
    for label in range(CLASSES):
        z = labelled(x, torch.full((N,), label))
        total = 0
        for block in ff.net.blocks:
            z = z / z.norm(dim=1, keepdim=True) * z.shape[1] ** 0.5
            z = (z @ block.synapse.weight.T).clamp(min=0)
            total = total + (z**2).sum(1)
        torch.testing.assert_close(scores[:, label], total)


def test_readout_reads_the_neutral_label_and_teaches_nobody_else():
    ff, x, _ = built(predict_by="readout")
    ff.readout.weight.data.normal_(generator=torch.Generator().manual_seed(1))
    z = x.flatten(1).clone()
    z[:, :CLASSES] = 1 / CLASSES
    for block in ff.net.blocks:
        z = z / z.norm(dim=1, keepdim=True) * z.shape[1] ** 0.5
        z = (z @ block.synapse.weight.T).clamp(min=0)
    features = z / z.norm(dim=1, keepdim=True) * z.shape[1] ** 0.5
    torch.testing.assert_close(ff.predict(x), features @ ff.readout.weight.T)
    weights = [block.synapse.weight for block in ff.net.blocks]
    graph = torch.autograd.grad(ff.predict(x).sum(), weights, allow_unused=True)
    assert graph == (None, None)


def test_greedy_layers_learn_one_after_the_other(monkeypatch):
    ff, x, y = built(layers="greedy")
    weights = [block.synapse.weight for block in ff.net.blocks]
    ff._trainer = SimpleNamespace(max_epochs=4, global_rank=0)
    learning = []
    for epoch in range(4):
        monkeypatch.setattr(FF, "current_epoch", epoch)
        objective = ff.credit(x, y).objective
        grads = torch.autograd.grad(objective, weights, allow_unused=True)
        learning.append([g is not None for g in grads])
    assert learning == [[True, False]] * 2 + [[False, True]] * 2


def test_wrong_labels_are_wrong_and_cover_all_others():
    y = torch.arange(10).repeat(200)
    wrong = wrong_labels(y, 10, torch.Generator().manual_seed(0))
    assert not (wrong == y).any()
    assert set(((wrong - y) % 10).tolist()) == set(range(1, 10))


def test_hard_labels_are_wrong_and_follow_the_readout():
    y = torch.zeros(4000, dtype=torch.long)
    logits = torch.tensor([9.0, 2.0, 0.0, 0.0]).repeat(4000, 1)
    wrong = hard_labels(y, logits, torch.Generator().manual_seed(0))
    assert not (wrong == 0).any()
    share = (wrong == 1).double().mean().item()
    e2 = torch.tensor(2.0).exp().item()
    assert share == pytest.approx(e2 / (e2 + 2), abs=0.03)


def test_hybrids_mix_two_images_in_blotches():
    x = torch.arange(8.0).view(8, 1, 1, 1).expand(8, 1, 28, 28)
    mixed = hybrids(x, torch.Generator().manual_seed(0))
    own, other = mixed == x, mixed == x.roll(1, 0)
    assert (own | other).all()
    assert 0.2 < own.double().mean() < 0.8
    changes = (own[..., 1:] != own[..., :-1]).double().mean()
    assert changes < 0.15  # white noise would change at half of the places


def test_waves_differ_and_are_added():
    generator = torch.Generator().manual_seed(0)
    show = LabelDisplay(Label("waves", scale=0.5), 3, (1, 6, 6), generator)
    x = torch.rand(3, 1, 6, 6)
    waves = show(x, torch.tensor([0, 1, 2])) - x
    assert waves.abs().max() <= 0.5 and (waves[0] - waves[1]).abs().max() > 0.1
    torch.testing.assert_close(show.neutral(x) - x, waves.mean(0).expand(3, 1, 6, 6))


def test_peer_loss_is_zero_for_equal_means():
    h = torch.tensor([[1.0, 3.0], [3.0, 1.0]])
    assert peer_loss(h) == 0
    assert peer_loss(h * torch.tensor([2.0, 1.0])) == pytest.approx(1.0)


def test_greedy_layers_without_a_trainer_are_one_line():
    ff, x, y = built(layers="greedy")
    ff.begin_step()
    with pytest.raises(UserError, match="needs a Trainer"):
        ff.credit(x, y)


def test_self_contrastive_pairs():
    """A sample with itself against a sample with its neighbour, through the same weights: images
    of one length are summed, and only the layers above read a direction."""
    generator = torch.Generator().manual_seed(0)
    net = MLP((1, 3, 4), CLASSES, generator, hidden=(9, 8))
    scff = SCFF(net, classes=CLASSES, goodness=Goodness("mean", threshold=0.7)).double()
    scff.readout.weight.data.normal_(generator=torch.Generator().manual_seed(1))
    x = torch.rand(N, 1, 3, 4, generator=generator, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0, 1, 2])

    def scaled(h):
        return h / h.square().mean(1, keepdim=True).sqrt()

    images = scaled(x.flatten(1))
    z = torch.cat([2 * images, torch.stack([images[i] + images[i - 1] for i in range(N)])])
    error_sign = torch.cat([torch.ones(N), torch.zeros(N)]).double()
    expected, features = [], []
    for W in (block.synapse.weight.detach() for block in scff.net.blocks):
        h = (z @ W.T).relu()
        error = (h.square().mean(1) - 0.7).sigmoid() - error_sign
        expected.append((error[:, None] * 2 * h / h.shape[1]).T @ z / (2 * N))
        z = scaled(h)
        features.append(z[:N])
    weights = [block.synapse.weight for block in scff.net.blocks]
    own = torch.autograd.grad(scff.credit(x, y).objective, weights)
    for a, b in zip(own, expected, strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(scff.predict(x), torch.cat(features, 1) @ scff.readout.weight.T)


def test_self_contrastive_learning_has_no_labels_to_try():
    with pytest.raises(UserError, match="predict_by=readout"):
        SCFF(MLP((1, 3, 4), CLASSES, stream(0, "init"), hidden=(9,)), predict_by="goodness")
