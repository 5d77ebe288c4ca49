"""What ties the forward-only algorithms: identities in float64."""

import pytest
import torch

from benchmark.algorithms.afa import AFA
from benchmark.algorithms.ff import FF
from benchmark.algorithms.pepita import PEPITA
from benchmark.algorithms.pepita_hebbian import PEPITAHebbian
from benchmark.credit.angles import angle
from benchmark.credit.mirror import Mirror, mirror_, product
from benchmark.networks.mlp import MLP

CLASSES = 4


def setting(activation="relu", hidden=(7, 6), n=9):
    generator = torch.Generator().manual_seed(3)
    net = MLP((1, 2, 5), CLASSES, generator, hidden=hidden, activation=activation).double()
    x = torch.randn(n, 1, 2, 5, generator=generator, dtype=torch.float64)
    y = torch.arange(n) % CLASSES
    return net, x, y


def update(algorithm, x, y):
    weights = [block.synapse.weight for block in algorithm.net.blocks]
    return torch.autograd.grad(algorithm.credit(x, y).objective, weights)


def passes(algorithm, x, y):
    """Inputs and hidden activities of the standard and of the modulated pass, by plain forward."""
    with torch.no_grad():
        e = algorithm.net(x).softmax(1) - torch.eye(CLASSES, dtype=x.dtype)[y]
        both = []
        for z in (x.flatten(1), x.flatten(1) + e @ algorithm.F):
            h = [z]
            for block in list(algorithm.net.blocks)[:-1]:
                h.append(block(h[-1]))
            both.append(h)
    return both


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_pepita_is_an_anti_hebbian_and_a_hebbian_term(activation):
    """(h - h_err) h_err_prev^T = h h_prev^T - h_err h_err_prev^T - h (h_prev - h_err_prev)^T."""
    net, x, y = setting(activation)
    pepita = PEPITA(net, classes=CLASSES, feedback_scale=0.7).double()
    h, h_err = passes(pepita, x, y)
    for k, got in enumerate(update(pepita, x, y)[:-1]):
        hebbian = h[k + 1].T @ h[k] - h_err[k + 1].T @ h_err[k]
        rest = h[k + 1].T @ (h[k] - h_err[k])
        torch.testing.assert_close(got, (hebbian - rest) / len(x))


def test_relu_pepita_hebbian_is_half_the_gradient_of_the_difference_of_goodness():
    net, x, y = setting("relu")
    hebbian = PEPITAHebbian(net, classes=CLASSES, feedback_scale=0.7).double()
    h, h_err = passes(hebbian, x, y)
    for k, (block, got) in enumerate(zip(net.blocks[:-1], update(hebbian, x, y), strict=False)):
        goodness = block(h[k]).square().sum() - block(h_err[k]).square().sum()
        (gradient,) = torch.autograd.grad(goodness / 2, block.synapse.weight)
        torch.testing.assert_close(got, gradient / len(x))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_pepita_becomes_afa_as_the_feedback_vanishes(activation):
    """The relative difference of the updates falls linearly with the scale of F."""
    errors = []
    for scale in (1e-3, 1e-4, 1e-5):
        relative = []
        updates = []
        for cls in (PEPITA, AFA):
            net, x, y = setting(activation)
            updates.append(update(cls(net, classes=CLASSES, feedback_scale=scale).double(), x, y))
        for a, b in zip(*updates, strict=True):
            relative.append(((a - b).norm() / b.norm()).item())
        errors.append(max(relative))
    assert errors[0] < 0.05
    assert errors[1] / errors[0] == pytest.approx(0.1, rel=0.1)
    assert errors[2] / errors[1] == pytest.approx(0.1, rel=0.1)


def test_ff_far_from_its_threshold_is_hebbian_minus_anti_hebbian():
    """Where both losses are linear, ff's update of ReLU layers is (h- z-^T - h+ z+^T) / N."""
    net, x, y = setting("relu", hidden=(7,))
    ff = FF(net, classes=CLASSES, length="none").double()
    (block,) = ff.net.blocks
    positive, negative = ff.show(x, y), ff.show(x, (y + 1) % CLASSES)
    z = torch.cat([positive, negative])
    h = block(z)
    g = ff.goodness(h)
    n = len(x)
    losses = torch.nn.functional.softplus(torch.stack([1e3 - g[:n], g[n:] + 1e3])).mean()
    (got,) = torch.autograd.grad(losses, block.synapse.weight)
    hp, hn = h.detach().split(n)
    expected = (hn.T @ negative.flatten(1) - hp.T @ positive.flatten(1)) / n
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("cls", [PEPITA, AFA])
def test_the_product_of_one_factor_per_layer_has_the_single_forms_deviation(cls):
    stds = []
    for form in ("single", "product"):
        net, *_ = setting(hidden=(30, 20))
        stds.append(cls(net, classes=CLASSES, feedback_form=form).F.std().item())
    assert stds[0] == pytest.approx(stds[1], rel=1e-5)


def test_mirroring_aligns_each_factor_with_its_weights():
    net, *_ = setting(hidden=(7, 6))
    options = Mirror(lr=0.1, weight_decay=0.5, noise=1.0)
    generator = torch.Generator().manual_seed(0)
    blocks = list(net.blocks)
    factors = [
        torch.randn(b.synapse.weight.shape, generator=generator, dtype=torch.float64)
        for b in blocks
    ]
    for _ in range(400):
        mirror_(factors, blocks, options, 500, generator)
    W = [b.synapse.weight.detach() for b in blocks]
    assert all(angle(B, w) < 5 for B, w in zip(factors, W, strict=True))
    assert angle(product(factors), W[2] @ W[1] @ W[0]) < 10
