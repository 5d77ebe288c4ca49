"""Stacks of restricted Boltzmann machines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from benchmark.errors import UserError
from benchmark.networks.block import Block, Network, Shape
from benchmark.networks.init import Init
from benchmark.options import Count


class RBM(Network):
    """Layers of stochastic binary units that sample each other; the last block is a read-out.

    Hidden layer k and the layer below it are one machine, with the energy

        E(v, h) = -b^T v - c^T h - h^T W v              (Smolensky 1986; Hinton 2002, eq. 3)

    W and c are weight and bias of block k, b is ``visible_biases[k]``. The fold of the blocks, as
    any network's, is the feedforward network of the units' probabilities.

    Attributes:
        visible_biases: b of each machine, ``[units below]``; no part of the fold.
    """

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        hidden: Sequence[Count] = (500,),
        init: Init = "lecun_uniform",
    ) -> None:
        """
        Args:
            hidden: widths of the hidden layers, at least one.
            init: initial weights; biases start at zero.
        """
        if not hidden:
            raise UserError("rbm needs at least one hidden layer")
        widths = [math.prod(in_shape), *hidden]
        blocks: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            flat = nn.Flatten() if not blocks else None
            blocks.append(Block(nn.Linear(n_in, n_out), nn.Sigmoid(), reshape=flat))
        blocks.append(Block(nn.Linear(widths[-1], classes)))
        super().__init__(in_shape, blocks)
        self.initialize(init, generator)
        self.visible_biases = nn.ParameterList(torch.zeros(n) for n in widths[:-1])
