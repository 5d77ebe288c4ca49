"""Shapes and initial weights of networks are the papers'."""

import re

import pytest
import torch

from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.networks.init import draw
from benchmark.suite.rows.fits import build_network


@pytest.mark.parametrize("weight_sharing", [False, True])
def test_the_locally_connected_net_for_imagenet(weight_sharing):
    """9x9x48/4, 3x3x48/2, 5x5x96/1, 3x3x96/2, 3x3x192/1, 3x3x192/2, 3x3x384/1 (Bartunov 2018)."""
    generator = torch.Generator().manual_seed(0)
    net = NETWORKS["local_imagenet"]((3, 64, 64), 7, generator, weight_sharing=weight_sharing)
    channels, sides = (48, 48, 96, 96, 192, 192, 384), (16, 8, 8, 4, 4, 2, 2)
    maps = [(c, n, n) for c, n in zip(channels, sides, strict=True)]
    assert net.shapes() == [(3, 64, 64), *maps, (7,)]
    fields = [3 * 81, 48 * 9, 48 * 25, 96 * 9, 96 * 9, 192 * 9, 192 * 9]
    for block, c, field, n in zip(net.blocks, channels, fields, sides, strict=False):
        positions = 1 if weight_sharing else n * n
        assert block.synapse.weight.numel() == positions * c * field


def test_orthonormal_weights_keep_lengths_and_orthogonal_ones_scale_them():
    generator = torch.Generator()
    w = draw("orthonormal", (6, 6), generator.manual_seed(0))
    torch.testing.assert_close(w @ w.t(), torch.eye(6))
    scaled = draw("orthogonal", (6, 6), generator.manual_seed(0))
    torch.testing.assert_close(scaled, w * 0.5**0.5)


@pytest.mark.parametrize(
    ("name", "side"), [("biotorch_lenet", 36), ("vgg", 28), *((name, 8) for name in NETWORKS)]
)
def test_a_network_is_built_or_says_which_images_it_takes(name, side):
    try:
        net = build_network({"name": name}, 0, (1, side, side), 3)
    except UserError as error:
        said = str(error)
        assert f"(1, {side}, {side})" in said or f"{side}x{side}" in said
        spans = re.findall(r"(\d+)(?: to (\d+)| or more)?(?= or \d| pixels)", said)
        for least, most in spans:  # and that is true
            build_network({"name": name}, 0, (1, int(least), int(least)), 3)
            if most:
                build_network({"name": name}, 0, (1, int(most), int(most)), 3)
    else:
        assert net.shapes()[-1] == (3,)
