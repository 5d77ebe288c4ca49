"""Initial weights and biases that differ by layer."""

import math

import torch

from benchmark.algorithms.fa import FA
from benchmark.networks.mlp import MLP
from benchmark.streams import stream


def drawn(**options):
    net = MLP((1, 4, 5), 10, stream(0, "init"), hidden=(300, 200), bias=True, **options)
    return [(b.synapse.weight.detach(), b.synapse.bias.detach()) for b in net.blocks]


def assert_uniform(w, bound):
    """Within its bound, and with the variance bound^2 / 3 of a uniform draw."""
    assert bound * 0.9 < w.abs().max() <= bound and abs(w.mean()) < 0.2 * bound
    assert math.isclose(w.std(), bound / math.sqrt(3), rel_tol=0.15)


def test_biases_of_torch():
    for W, b in drawn(init="lecun_uniform", bias_init="as_weights")[:2]:
        for w in (W, b):
            assert_uniform(w, 1 / math.sqrt(W.shape[1]))


def test_biases_change_no_weight():
    options = {"init": "lecun_uniform"}
    plain, with_biases = drawn(**options), drawn(**options, bias_init="as_weights")
    assert all(torch.equal(V, W) for (V, _), (W, _) in zip(plain, with_biases, strict=True))
    assert all((b == 0).all() for _, b in plain)


def test_fa_keeps_its_first_layer():
    """Nøkland: the first layer is backprop's, the others start at zero, biases too."""
    torch_default = drawn(init="lecun_uniform", bias_init="as_weights")
    (W1, b1), *others = drawn(init="zero", first_init="lecun_uniform", bias_init="as_weights")
    assert torch.equal(W1, torch_default[0][0])
    assert_uniform(W1, 1 / math.sqrt(20))
    assert_uniform(b1, 1 / math.sqrt(20))
    assert all((w == 0).all() for layer in others for w in layer)


def test_feedback_may_be_a_copy_of_the_initial_weights():
    net = MLP((1, 4, 5), 10, stream(0, "init"), hidden=(30, 20))
    fa = FA(net, feedback_init="forward")
    for block, converted in zip(net.blocks, fa.net.blocks, strict=True):
        assert torch.equal(converted.synapse.B, block.synapse.weight)
        assert converted.synapse.B.data_ptr() != converted.synapse.weight.data_ptr()
        assert not converted.synapse.B.requires_grad


def test_feedback_of_the_size_of_torchs_weights():
    net = MLP((1, 4, 5), 10, stream(0, "init"), hidden=(300, 200), init="zero")
    for block in FA(net, feedback_init="lecun_uniform").net.blocks[:2]:
        assert_uniform(block.synapse.B, 1 / math.sqrt(block.synapse.in_features))
