"""The convolutional and locally connected networks of Bartunov et al. 2018."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn

from benchmark.networks.block import Activation, Block, Network, Shape, nonlinearity
from benchmark.networks.init import Init
from benchmark.networks.local import LocallyConnected2d


class _Layer(NamedTuple):
    channels: int
    kernel: int
    stride: int


class LocalMNIST(Network):
    """Locally connected net for MNIST: 3x3x32/2, 3x3x64/2, FC 1024 (Bartunov et al. 2018)."""

    layers: tuple[_Layer, ...] = (_Layer(32, 3, 2), _Layer(64, 3, 2))
    hidden: tuple[int, ...] = (1024,)  # fully connected

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        weight_sharing: bool = False,
        activation: Activation = "tanh",
        bias: bool = True,
        init: Init = "xavier_uniform",
    ) -> None:
        """
        Args:
            weight_sharing: convolutions of the same geometry instead.
            activation: nonlinearity of the hidden layers.
            bias: whether layers have biases.
            init: initial forward weights.
        """
        blocks: list[nn.Module] = []
        shape: Shape = tuple(in_shape)
        for channels, kernel, stride in self.layers:
            pad = kernel // 2
            synapse: nn.Module
            if weight_sharing:
                synapse = nn.Conv2d(shape[0], channels, kernel, stride, pad, bias=bias)
            else:
                synapse = LocallyConnected2d(shape, channels, kernel, stride, pad, bias)
            blocks.append(Block(synapse, nonlinearity(activation)))
            side = [(n + 2 * pad - kernel) // stride + 1 for n in shape[1:]]
            shape = (channels, *side)
        widths = [math.prod(shape), *self.hidden, classes]
        for k, (n_in, n_out) in enumerate(pairwise(widths)):
            f = nonlinearity(activation if k < len(self.hidden) else "linear")
            flat = nn.Flatten() if k == 0 else None
            blocks.append(Block(nn.Linear(n_in, n_out, bias=bias), f, reshape=flat))
        super().__init__(in_shape, blocks)
        self.initialize(init, generator)


class LocalCIFAR(LocalMNIST):
    """Locally connected net for CIFAR: 5x5x64/2, 5x5x128/2, 3x3x256, FC 1024 (Bartunov 2018)."""

    layers = (_Layer(64, 5, 2), _Layer(128, 5, 2), _Layer(256, 3, 1))


class LocalImageNet(LocalMNIST):
    """Locally connected net for ImageNet (Bartunov et al. 2018, Table 2), 224 x 224 pixels.

    9x9x48/4, 3x3x48/2, 5x5x96/1, 3x3x96/2, 3x3x192/1, 3x3x192/2, 3x3x384/1, then the classes. With
    margins of half a field of zeros, as here, it has 260 million weights.
    """

    layers = (
        _Layer(48, 9, 4),
        _Layer(48, 3, 2),
        _Layer(96, 5, 1),
        _Layer(96, 3, 2),
        _Layer(192, 3, 1),
        _Layer(192, 3, 2),
        _Layer(384, 3, 1),
    )
    hidden = ()
