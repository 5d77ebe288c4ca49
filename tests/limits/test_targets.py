"""Theorems of target propagation, in float64."""

import pytest
import torch
from torch import nn

from benchmark.algorithms.ao_sdtp import AOSDTP
from benchmark.algorithms.ddtp_linear import DDTPLinear
from benchmark.algorithms.dtp import DTP
from benchmark.algorithms.ldtp import LDTP
from benchmark.algorithms.sdtp import SDTP
from benchmark.algorithms.tp import TP
from benchmark.credit.angles import angle
from benchmark.credit.losses import output_error
from benchmark.credit.target_angles import gauss_newton, gradient
from benchmark.networks.bartunov import LocalMNIST
from benchmark.networks.mlp import MLP
from benchmark.networks.vgg import VGG


class Inverse(nn.Module):
    """The exact inverse of a block h -> tanh(W h)."""

    def __init__(self, block):
        super().__init__()
        self.inverse = torch.linalg.inv(block.synapse.weight.detach())

    def forward(self, h, switches=None):
        return h.atanh() @ self.inverse.T

    def difference(self, t, h, switches=None):
        return self(t) - self(h)


def images(n, shape, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, *shape, generator=generator, dtype=torch.float64), torch.arange(n) % 4


def chain(cls, hidden=(6, 6, 6), **options):
    net = MLP((1, 2, 3), 4, torch.Generator().manual_seed(0), hidden=hidden, activation="tanh")
    return cls(net, classes=4, **options).double()


def invertible(cls, step):
    algorithm = chain(cls, step=step)
    algorithm.decoders = nn.ModuleList(Inverse(block) for block in algorithm.net.blocks[1:-1])
    return algorithm


def target_steps(algorithm, x, y):
    """Activities and t_k - h_k of the hidden layers, and the output error."""
    signals = algorithm.credit(x, y).signals
    with torch.no_grad():
        *h, logits = algorithm.encode_all(x).h
        return h, [signals[f"t{k}"] - h_k for k, h_k in enumerate(h)], output_error(logits, y)


def test_tp_with_exact_inverses_has_the_gauss_newton_target():
    step = 1e-6
    tp = invertible(TP, step)
    x, y = images(5, (1, 2, 3))
    h, steps, e = target_steps(tp, x, y)
    to_top = gradient(tp.net.blocks[-1:], h[-1], e)
    for k in range(3):
        newton = -step * gauss_newton(tp.net.blocks[k + 1 : -1], h[k], to_top)
        torch.testing.assert_close(steps[k], newton, rtol=1e-3, atol=1e-10)


def test_dtp_with_perfect_decoders_is_tp():
    x, y = images(5, (1, 2, 3))
    targets = [invertible(cls, 0.05).credit(x, y).signals for cls in (TP, DTP)]
    for k in range(3):
        torch.testing.assert_close(targets[0][f"t{k}"], targets[1][f"t{k}"])


def test_with_imperfect_decoders_dtp_is_not_tp():
    x, y = images(5, (1, 2, 3))
    targets = [chain(cls, step=0.05).credit(x, y).signals["t0"] for cls in (TP, DTP)]
    assert (targets[0] - targets[1]).abs().max() > 0.01


@pytest.mark.parametrize("cls", [DTP, LDTP, DDTPLinear])
def test_targets_are_the_activities_when_the_output_is_right(cls):
    x, y = images(5, (1, 2, 3))
    for step in target_steps(chain(cls, step=0.0), x, y)[1]:
        assert torch.equal(step, torch.zeros_like(step))


@pytest.mark.parametrize("cls", [SDTP, AOSDTP])
def test_sdtp_targets_are_the_activities_when_the_prediction_is_the_label(cls):
    algorithm = chain(cls)
    x, y = images(5, (1, 2, 3))
    with torch.no_grad():
        algorithm.net.blocks[-1].synapse.weight.zero_()
        algorithm.net.blocks[-1].synapse.bias = nn.Parameter(1e4 * torch.eye(4).double()[1])
    ones = torch.ones_like(y)
    for step in target_steps(algorithm, x, ones)[1]:
        assert torch.equal(step, torch.zeros_like(step))
    assert all(step.abs().max() > 1e-3 for step in target_steps(algorithm, x, 0 * y)[1])


def train_decoders(algorithm, x, steps, lr, decay=0.0):
    """Many decoder steps on one batch, the rate falling to zero."""
    optimizer = torch.optim.Adam(algorithm.decoders.parameters(), lr=lr, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    with torch.no_grad():
        encoding = algorithm.encode_all(x)
    algorithm._noise = torch.Generator().manual_seed(5)
    for _ in range(steps):
        optimizer.zero_grad()
        algorithm.decoder_loss(encoding, range(len(algorithm.decoders))).backward()
        optimizer.step()
        schedule.step()


def test_ldtp_targets_align_with_the_gradients_of_a_convnet():
    net = VGG((2, 8, 8), 4, torch.Generator().manual_seed(0), channels=(4, 6))
    ldtp = LDTP(net, classes=4, step=0.01, noise=0.05).double()
    x, y = images(16, (2, 8, 8))
    before = worst_angle(ldtp, x, y)
    train_decoders(ldtp, x, 400, 0.05)
    assert before > 45
    assert worst_angle(ldtp, x, y) < 10


def worst_angle(algorithm, x, y):
    h, steps, e = target_steps(algorithm, x, y)
    blocks = algorithm.net.blocks
    return max(
        angle(step, -gradient(blocks[k + 1 :], h_k, e))
        for k, (h_k, step) in enumerate(zip(h[:-1], steps, strict=False))
    )


def test_ddtp_targets_align_with_damped_gauss_newton_steps():
    noise, damping = 0.01, 0.05
    algorithm = chain(DDTPLinear, hidden=(8, 7), noise=noise, step=0.01)
    x, y = images(1, (1, 2, 3))
    train_decoders(algorithm, x.expand(64, -1, -1, -1), 500, 0.05, decay=damping * noise**2)
    h, steps, e = target_steps(algorithm, x, y)
    for k in range(2):
        above = algorithm.net.blocks[k + 1 :]
        assert angle(steps[k], -gauss_newton(above, h[k], e, damping)) < 10
        assert angle(steps[k], -gradient(above, h[k], e)) > 15


@pytest.mark.parametrize("index", [1, 2])
def test_locally_connected_decoders_can_be_the_transpose(index):
    net = LocalMNIST((1, 8, 8), 4, torch.Generator().manual_seed(0), activation="linear").double()
    dtp = DTP(net, classes=4).double()
    block, g = net.blocks[index], dtp.decoders[index - 1]
    W = block.synapse.weight
    with torch.no_grad():
        g.synapse.weight.copy_(W.mT if W.ndim == 3 else W.T)
    generator = torch.Generator().manual_seed(1)
    shapes = net.shapes()
    v = torch.randn(3, *shapes[index], generator=generator, dtype=torch.float64)
    u = torch.randn(3, *shapes[index + 1], generator=generator, dtype=torch.float64)
    zero = torch.zeros_like(v)
    up = block(v) - block(zero)
    torch.testing.assert_close((g(u) * v).sum(), (u * up).sum())
