"""VGG-like networks, and BioTorch's LeNets: convolutions with pooling, then linear layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from benchmark.networks.block import Activation, Block, Network, Shape, nonlinearity
from benchmark.networks.init import Init
from benchmark.options import Count


def pooled_convolution(
    n_in: int, n_out: int, kernel: int, padding: int, activation: Activation, pool: bool = True
) -> Block:
    """Convolution, nonlinearity, and 2x2 max-pooling."""
    conv = nn.Conv2d(n_in, n_out, kernel, padding=padding)
    return Block(conv, nonlinearity(activation), pool=nn.MaxPool2d(2) if pool else None)


class VGG(Network):
    """3x3 convolutions, each with max-pool 2, then a linear layer (SimpleVGG of Ernoult 2022)."""

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        channels: Sequence[Count] = (128, 128, 256, 256, 512),
        activation: Activation = "elu",
        init: Init = "he_uniform",
    ) -> None:
        """
        Args:
            channels: of the convolutions; inputs need 2 ** len(channels) pixels a side or more.
            activation: nonlinearity of the hidden layers.
            init: initial forward weights.
        """
        widths = [in_shape[0], *channels]
        blocks: list[nn.Module] = [
            pooled_convolution(n_in, n_out, 3, 1, activation)
            for n_in, n_out in zip(widths, channels, strict=False)
        ]
        units = channels[-1] * math.prod(n >> len(channels) for n in in_shape[1:])
        blocks.append(Block(nn.Linear(units, classes), reshape=nn.Flatten()))
        super().__init__(in_shape, blocks)
        self.initialize(init, generator)


class BioTorchLeNet(Network):
    """BioTorch's LeNets for 32x32 inputs: three 5x5 convolutions, FC 84 without nonlinearity.

    ``channels`` 6, 16, 120 for MNIST; 32, 64, 128 for CIFAR (Sanfiz & Akrout 2021). Inputs of
    28x28 are padded to 32x32.
    """

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        channels: Sequence[Count] = (32, 64, 128),
        init: Init = "xavier_uniform",
    ) -> None:
        """
        Args:
            channels: of the three convolutions.
            init: initial forward weights.
        """
        pad = 2 if in_shape[-1] == 28 else 0
        one, two, three = channels
        blocks: list[nn.Module] = [
            pooled_convolution(in_shape[0], one, 5, pad, "relu"),
            pooled_convolution(one, two, 5, 0, "relu"),
            pooled_convolution(two, three, 5, 0, "relu", pool=False),
            Block(nn.Linear(three, 84), reshape=nn.Flatten()),
            Block(nn.Linear(84, classes)),
        ]
        super().__init__(in_shape, blocks)
        self.initialize(init, generator)
