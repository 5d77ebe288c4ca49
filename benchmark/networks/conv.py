"""Small convolutional networks: PEPITA's, DRTP's and LeNet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from benchmark.networks.block import Activation, Block, Network, Shape, nonlinearity
from benchmark.networks.init import Init
from benchmark.options import Count, Share


def _flat(shape: Shape, blocks: list[nn.Module]) -> int:
    """Number of units that ``blocks`` give for one input of ``shape``."""
    return math.prod(Network(shape, blocks).shapes()[-1])


class PepitaConv(Network):
    """PEPITA's conv net (Dellaferrera & Kreiman 2022): 5x5 valid convolution, max-pool 2, FC."""

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        channels: Count = 32,
        activation: Activation = "relu",
        bias: bool = False,
        dropout: Share = 0.0,
        init: Init = "he_uniform",
    ) -> None:
        """
        Args:
            channels: number of 5x5 filters.
            activation: nonlinearity after the convolution.
            bias: whether layers have biases.
            dropout: drop probability of the convolution's units.
            init: initial forward weights.
        """
        conv = Block(
            nn.Conv2d(in_shape[0], channels, 5, bias=bias),
            nonlinearity(activation),
            dropout=dropout,
            pool=nn.MaxPool2d(2),
        )
        n = _flat(in_shape, [conv])
        fc = Block(nn.Linear(n, classes, bias=bias), reshape=nn.Flatten())
        super().__init__(in_shape, [conv, fc])
        self.initialize(init, generator)


class DRTPConv(Network):
    """DRTP's conv nets (Frenkel et al. 2021): convolutions with max-pool 2, then FC layers.

    The convolutions keep the size of their input. They train, or stay as they were drawn.
    """

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        channels: Sequence[Count] = (32,),
        kernel: Count = 5,
        hidden: Sequence[Count] = (1000,),
        frozen: bool = False,
        activation: Activation = "tanh",
        init: Init = "he_uniform",
    ) -> None:
        """
        Args:
            channels: of the convolutions.
            kernel: side of their filters, odd.
            hidden: widths of the FC layers.
            frozen: whether the convolutions keep their random weights.
            activation: nonlinearity of all hidden layers.
            init: initial forward weights.
        """
        blocks: list[nn.Module] = [
            Block(
                nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2),
                nonlinearity(activation),
                pool=nn.MaxPool2d(2),
            )
            for n_in, n_out in pairwise([in_shape[0], *channels])
        ]
        for block in blocks:
            block.requires_grad_(not frozen)
        widths = [_flat(in_shape, blocks), *hidden, classes]
        for k, (n_in, n_out) in enumerate(pairwise(widths)):
            f = nonlinearity(activation) if k < len(hidden) else None
            blocks.append(
                Block(nn.Linear(n_in, n_out), f, reshape=nn.Flatten() if k == 0 else None)
            )
        super().__init__(in_shape, blocks)
        self.initialize(init, generator)


class LeNet(Network):
    """LeNet-5: two 5x5 convolutions of 6 and 16 channels with max-pool 2, then FC 120, 84, classes.

    Inputs of 28x28 are padded to 32x32 by the first convolution, as LeCun et al. 1998 feed them.
    """

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        activation: Activation = "relu",
        bias: bool = True,
        init: Init = "xavier_uniform",
    ) -> None:
        """
        Args:
            activation: nonlinearity of the hidden layers.
            bias: whether layers have biases.
            init: initial forward weights.
        """
        pad = 2 if in_shape[-1] == 28 else 0
        blocks: list[nn.Module] = [
            Block(
                nn.Conv2d(in_shape[0], 6, 5, padding=pad, bias=bias),
                nonlinearity(activation),
                pool=nn.MaxPool2d(2),
            ),
            Block(nn.Conv2d(6, 16, 5, bias=bias), nonlinearity(activation), pool=nn.MaxPool2d(2)),
        ]
        n = _flat(in_shape, blocks)
        blocks += [
            Block(nn.Linear(n, 120, bias=bias), nonlinearity(activation), reshape=nn.Flatten()),
            Block(nn.Linear(120, 84, bias=bias), nonlinearity(activation)),
            Block(nn.Linear(84, classes, bias=bias)),
        ]
        super().__init__(in_shape, blocks)
        self.initialize(init, generator)
