"""Angles and norm ratios of vectors and of weights."""

import math

import pytest
import torch
from torch import nn

from benchmark.algorithms import ALGORITHMS
from benchmark.credit.angles import angle, direct_pairs, feedback_pairs, norm_ratio
from benchmark.networks import NETWORKS
from benchmark.streams import stream

v = torch.tensor([[3.0, -1.0], [0.5, 2.0]])


@pytest.mark.parametrize(
    "u, degrees",
    [
        (v, 0.0),
        (-v, 180.0),
        (1e-20 * v, 0.0),
        (torch.tensor([[1.0, 3.0], [-2.0, 0.5]]), 90.0),
        (v @ torch.tensor([[0.5, 0.75**0.5], [-(0.75**0.5), 0.5]]), 60.0),
    ],
)
def test_angle_of_planted_directions(u, degrees):
    assert angle(u, v).item() == pytest.approx(degrees, abs=1e-4)
    assert angle(v, u) == angle(u, v)


def test_angle_is_exact_where_the_arc_cosine_is_not():
    w = torch.randn(1000, generator=stream(0, "w"))
    assert angle(w, w).item() == 0.0
    assert angle(w, -2 * w).item() == 180.0
    tilted = torch.tensor([1.0, 1e-9], dtype=torch.float64)
    assert angle(tilted, torch.tensor([1.0, 0.0])).item() == pytest.approx(math.degrees(1e-9))


def test_undefined_is_nan():
    assert angle(v, 0 * v).isnan()
    assert angle(v, v / 0).isnan()
    assert norm_ratio(-2 * v, v).item() == 2.0


def mlp(hidden, in_shape=(1, 2, 3)):
    return NETWORKS["mlp"](in_shape, 4, stream(0, "init"), hidden=hidden)


def test_direct_feedback_stands_for_the_product_of_the_weights_downstream():
    algorithm = ALGORITHMS["dfa"](mlp((7, 5)), classes=4)
    W = [block.synapse.weight for block in algorithm.net.blocks]
    pairs = direct_pairs(algorithm, algorithm.net)
    assert list(pairs) == ["blocks.0", "blocks.1"]
    for (B, product), own, expected in zip(
        pairs.values(), (algorithm.B0, algorithm.B1), (W[2] @ W[1], W[2]), strict=True
    ):
        assert B is own
        torch.testing.assert_close(product, expected)


def test_no_product_of_weights_through_convolutions():
    net = NETWORKS["lenet"]((1, 28, 28), 10, stream(0, "init"))
    assert list(direct_pairs(ALGORITHMS["dfa"](net), net)) == ["blocks.1", "blocks.2", "blocks.3"]


def test_synaptic_feedback_without_the_first_layer():
    net = NETWORKS["lenet"]((1, 28, 28), 10, stream(0, "init"))
    pairs = feedback_pairs(ALGORITHMS["fa"](net).net)
    assert list(pairs) == [f"blocks.{k}" for k in (1, 2, 3, 4)]
    assert all(B.shape == W.shape for B, W in pairs.values())
    assert not feedback_pairs(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
