"""The alignment of updates: exact values where they are known, and no influence on the run."""

import copy
import json

import pytest
import torch
from torch import nn

from benchmark.algorithm import Credit
from benchmark.algorithms import ALGORITHMS
from benchmark.credit.feedback import convert
from benchmark.measure import Measure
from benchmark.measure.alignment import measure
from benchmark.networks import NETWORKS, Block, Network
from benchmark.streams import stream
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import Names, parse, row_parser, to_row
from benchmark.suite.run.runner import run, train, weights_sha256
from tests.conformance.rows import dying_in_epoch, told_to_end_in_epoch

BP = ALGORITHMS["bp"]


def normed_net():
    blocks = [
        Block(
            nn.Conv2d(1, 3, 3), nn.Sequential(nn.BatchNorm2d(3), nn.Tanh()), pool=nn.AvgPool2d(2)
        ),
        Block(nn.Linear(27, 8), nn.Tanh(), reshape=nn.Flatten(), dropout=0.3),
        Block(nn.Linear(8, 4)),
    ]
    net = Network((1, 8, 8), blocks)
    net.initialize("lecun_uniform", stream(0, "init"))
    return net


def ready(name_or_class, net=None, **options):
    cls = ALGORITHMS[name_or_class] if isinstance(name_or_class, str) else name_or_class
    algorithm = cls(net or normed_net(), classes=4, **options)
    algorithm._has_dropout = bool(algorithm.net.dropouts)
    return algorithm


x = torch.randn(6, 1, 8, 8, generator=stream(0, "x"))
y = torch.tensor([0, 1, 2, 3, 0, 1])
LAYERS = [f"blocks.{k}" for k in range(3)]


def test_backprop_is_aligned_exactly():
    values = measure(ready("bp"), x, y)
    assert values == {f"update/{k}": 0.0 for k in LAYERS} | {f"norm_ratio/{k}": 1.0 for k in LAYERS}


def test_fa_with_B_equal_to_W_is_backprop():
    algorithm = ready("fa")
    algorithm.net = convert(normed_net(), lambda k, W: W.clone())
    values = measure(algorithm, x, y)
    assert all(values[f"feedback/{k}"] == 0 for k in LAYERS[1:])
    for layer in LAYERS:
        assert values[f"update/{layer}"] == 0
        assert values[f"norm_ratio/{layer}"] == 1


def test_fa_has_backprops_gradient_as_its_reference():
    """The reference is the gradient through W, computed here on a plain twin of the net."""
    algorithm, twin = ready("fa"), ready("bp")
    values = measure(algorithm, x, y)
    for layer in LAYERS[:2]:
        assert values[f"update/{layer}"] > 1
        assert values[f"update/{layer}"] == pytest.approx(by_hand(algorithm, twin, layer), abs=1e-3)
    assert values["update/blocks.2"] == 0


def by_hand(algorithm, twin, layer):
    gradients = []
    for a in (algorithm, twin):
        a = copy.deepcopy(a).train()
        a.begin_step(stream(0, "measure", 0))
        a.credit(x, y).objective.backward()
        gradients.append(a.net.get_submodule(layer).synapse.weight.grad.double().flatten())
    u, v = gradients
    return torch.rad2deg(torch.arccos(u @ v / u.norm() / v.norm())).item()


class Flipped(BP):
    def credit(self, x, y):
        credit = super().credit(x, y)
        return credit._replace(objective=-2 * credit.objective)


def test_a_flipped_sign_is_180_degrees():
    values = measure(ready(Flipped), x, y)
    assert all(values[f"update/{k}"] == 180 and values[f"norm_ratio/{k}"] == 2 for k in LAYERS)


class Untaught(BP):
    def credit(self, x, y):
        return Credit(self.net.blocks[2].synapse.weight.sum(), self.net(x))


def test_a_layer_without_an_update_has_no_angle():
    values = measure(ready(Untaught), x, y)
    assert torch.tensor(values["update/blocks.0"]).isnan()
    assert values["norm_ratio/blocks.0"] == 0


class Scored(BP):
    def predict(self, x):
        return self.net(x).argmax(-1, keepdim=True).float()


def test_no_update_angle_where_predictions_have_no_gradient():
    assert measure(ready(Scored), x, y) == {}


class Refreshed(ALGORITHMS["fa"]):
    """Sets B = W before every step, as sign-symmetric rules set their signs."""

    @torch.no_grad()
    def before_step(self, x):
        for block in self.net.blocks:
            block.synapse.B.copy_(block.synapse.weight)


def test_feedback_that_is_set_before_a_step_is_measured_as_set():
    algorithm = ready(Refreshed)
    before = algorithm.net.blocks[1].synapse.B.clone()
    assert all(v == 1 if "norm" in name else v == 0 for name, v in measure(algorithm, x, y).items())
    assert torch.equal(algorithm.net.blocks[1].synapse.B, before)


def test_updates_are_measured_in_training_mode():
    algorithm = ready("fa")
    expected = measure(algorithm, x, y)
    assert measure(algorithm.eval(), x, y) == expected
    assert not algorithm.training


def test_dfa_with_one_hidden_layer_and_the_weights_themselves_is_backprop():
    net = NETWORKS["mlp"]((1, 8, 8), 4, stream(0, "init"), hidden=(5,))
    algorithm = ready("dfa", net)
    algorithm.B0.copy_(net.blocks[1].synapse.weight.detach())
    values = measure(algorithm, x, y)
    assert values["feedback/blocks.0"] == 0
    for layer in LAYERS[:2]:
        assert values[f"update/{layer}"] == pytest.approx(0, abs=1e-4)
        assert values[f"norm_ratio/{layer}"] == pytest.approx(1, abs=1e-6)


def test_the_label_of_drtp_stands_for_the_negative_error():
    net = NETWORKS["mlp"]((1, 8, 8), 4, stream(0, "init"), hidden=(5,))
    algorithm = ready("drtp", net)
    algorithm.B0.copy_(-net.blocks[1].synapse.weight.detach())
    values = measure(algorithm, x, y)
    assert values["feedback/blocks.0"] == 0
    assert values["update/blocks.0"] < 90


def row(algorithm, *options):
    names = Names(algorithm, "mnist5k", "mlp")
    args = ["--network.hidden=[12,8]", "--network.dropout=0.2", "--epochs=2", *options]
    return to_row(parse(row_parser(names), {}, args, "test"))


@pytest.mark.parametrize("algorithm", ["bp", "brsf", "ia", "pepita", "dtp", "ff"])
def test_measuring_leaves_the_run_bit_for_bit(tmp_path, algorithm):
    finished = {
        every: train(row(algorithm), 0, Machine("cpu"), tmp_path / str(every), how)
        for every, how in ((0, Measure(0)), (1, Measure(1, steps=16)))
    }
    assert not finished[0].alignment and finished[1].alignment
    assert weights_sha256(finished[0].algorithm) == weights_sha256(finished[1].algorithm)
    curves = [trained.recorder.curve for trained in finished.values()]
    assert [{**p, "seconds": 0} for p in curves[0]] == [{**p, "seconds": 0} for p in curves[1]]


def test_the_record_holds_the_angles(tmp_path):
    run(row("dfa"), 0, Machine("cpu"), tmp_path)
    (path,) = (tmp_path / "records").glob("*.json")
    alignment = json.loads(path.read_text())["alignment"]
    assert set(alignment) == {
        *(f"{kind}/blocks.{k}" for k in range(3) for kind in ("update", "norm_ratio")),
        *(f"feedback/blocks.{k}" for k in range(2)),
    }
    for name, points in alignment.items():
        assert [epoch for epoch, _ in points] == [0, 1, 2], name
    first, *_, last = (angle for _, angle in alignment["feedback/blocks.1"])
    assert last < first  # the forward weights align with the feedback
    assert list((tmp_path / "runs").glob("*/events.out.tfevents*"))


def test_steps_are_measured_within_epochs(tmp_path):
    chunked = row("fa", "--data.steps_per_call=16")
    alignment = train(chunked, 0, Machine("cpu"), tmp_path, Measure(1, steps=20)).alignment
    epochs = [epoch for epoch, _ in alignment["update/blocks.0"]]
    per_epoch = 3500 // 64  # chunks of 16 steps: 32 is the first at or after 20, 48 that after 40
    inside = [round(32 / per_epoch, 4), round(48 / per_epoch, 4)]
    assert epochs == [0, *inside, 1, *(round(1 + part, 4) for part in inside), 2]


def test_resumed_is_undisturbed(tmp_path):
    machine = Machine("cpu")
    whole = train(row("fa", "--epochs=5"), 0, machine, tmp_path / "whole", Measure(2))
    assert [epoch for epoch, _ in whole.alignment["update/blocks.0"]] == [0, 2, 4, 5]
    with told_to_end_in_epoch("fa", 4):
        train(row("fa", "--epochs=5"), 0, machine, tmp_path / "parts", Measure(2))
    resumed = train(row("fa", "--epochs=5"), 0, machine, tmp_path / "parts", Measure(2))
    assert resumed.alignment == whole.alignment


def test_resumed_in_mid_epoch_measures_no_step_twice(tmp_path):
    parts = row("fa", "--data.steps_per_call=14")  # measured after the second chunk of four
    machine, how = Machine("cpu", checkpoint_seconds=0), Measure(1, steps=28)
    whole = train(parts, 0, machine, tmp_path / "whole", how)
    with dying_in_epoch("fa", 1):
        train(parts, 0, machine, tmp_path / "parts", how)
    resumed = train(parts, 0, machine, tmp_path / "parts", how)
    assert resumed.alignment == whole.alignment


@pytest.mark.parametrize("epochs, period", [(1, 1), (25, 1), (26, 2), (250, 10)])
def test_at_most_25_measurements_by_default(epochs, period):
    assert Measure().period(epochs) == period
