"""Fully connected residual networks, and how their branches are scaled with width and depth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from benchmark.errors import UserError
from benchmark.networks.block import Activation, Network, Shape, nonlinearity
from benchmark.networks.init import Init
from benchmark.options import Count

Scaling = Literal["none", "depth", "mupc"]


class Layer(nn.Module):
    """z + a W f(z), or a W f(z) where the width changes: one credit unit of one synapse.

    Attributes:
        scale: a.
        skip: whether z is added.
    """

    def __init__(self, synapse: nn.Linear, activation: nn.Module, scale: float, skip: bool) -> None:
        super().__init__()
        self.activation, self.synapse = activation, synapse
        self.scale, self.skip = scale, skip

    def forward(self, z: Tensor) -> Tensor:
        z = z.flatten(1)
        branch = self.scale * self.synapse(self.activation(z))
        return z + branch if self.skip else branch


def scales(scaling: Scaling, inputs: int, width: int, layers: int) -> list[float]:
    """a_1 .. a_L of ``layers`` layers, for ``inputs`` inputs and hidden layers of ``width`` units.

    none    1, 1, .., 1
    depth   1, 1 / sqrt(L), .., 1
    mupc    1 / sqrt(D), 1 / sqrt(N L), .., 1 / N       (Innocenti et al. 2025)

    L counts the first and the last layer too, as in the authors' code.
    """
    first, inner, last = {
        "none": (1.0, 1.0, 1.0),
        "depth": (1.0, layers**-0.5, 1.0),
        "mupc": (inputs**-0.5, (width * layers) ** -0.5, 1 / width),
    }[scaling]
    return [first, *[inner] * (layers - 2), last]


class ResMLP(Network):
    """Fully connected with skips: ``hidden`` layers of one width, states before the nonlinearity.

        z_1 = a_1 W_1 x,   z_l = z_{l-1} + a_l W_l f(z_{l-1}),   logits = a_L W_L f(z_{L-1})

    ``mupc`` is the parametrization in which predictive coding trains at any depth (Innocenti et al.
    2025): all weights start from N(0, 1), and the scales keep each z of one size. ``depth`` scales
    the branches alone; with ``none`` their sum grows with each layer.
    """

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        hidden: Sequence[Count] = (128,) * 8,
        activation: Activation = "relu",
        bias: bool = False,
        scaling: Scaling = "none",
        init: Init | None = None,
    ) -> None:
        """
        Args:
            hidden: widths of the hidden layers, all the same.
            activation: nonlinearity f.
            bias: whether layers have biases; they start at zero, and are scaled as weights are.
            scaling: of the branches.
            init: initial weights; by default he_uniform, and unit_normal for mupc.
        """
        if len({*hidden}) != 1:
            raise UserError(f"hidden is {[*hidden]}: a residual network needs layers of one width")
        widths = [math.prod(in_shape), *hidden, classes]
        a = scales(scaling, widths[0], hidden[0], len(widths) - 1)
        blocks: list[nn.Module] = []
        for k, (n_in, n_out) in enumerate(pairwise(widths)):
            first, last = k == 0, k == len(hidden)
            blocks.append(
                Layer(
                    nn.Linear(n_in, n_out, bias=bias),
                    nn.Identity() if first else nonlinearity(activation),
                    scale=a[k],
                    skip=not (first or last),
                )
            )
        super().__init__(in_shape, blocks)
        self.initialize(init or ("unit_normal" if scaling == "mupc" else "he_uniform"), generator)
