"""Layered Hopfield networks: their activities settle, instead of being computed layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from benchmark.errors import UserError
from benchmark.networks.block import Block, Network, Shape
from benchmark.networks.init import Init
from benchmark.options import Count, CountOrZero, Share

Sigma = Literal["hard_sigmoid", "half_hard_sigmoid", "sigmoid", "tanh"]


class HardSigmoid(nn.Module):
    """sigma(u) = u / width, clipped to [0, 1]."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.width = width

    def forward(self, u: Tensor) -> Tensor:
        s = u.clamp(0, self.width)
        return s if self.width == 1 else s.mul_(1 / self.width)

    def potential(self, s: Tensor) -> Tensor:
        """The integral of sigma's inverse from 0 to ``s``, elementwise."""
        return self.width / 2 * s.square()


class Sigmoid(nn.Module):
    """sigma(u) = 1 / (1 + exp(2 - 4u)): the smooth hard sigmoid, with slope 1 at u = 1/2."""

    def forward(self, u: Tensor) -> Tensor:
        return torch.sigmoid(4 * u - 2)

    def potential(self, s: Tensor) -> Tensor:
        """The integral of sigma's inverse from 0 to ``s``, elementwise."""
        return s / 2 + (torch.xlogy(s, s) + torch.xlogy(1 - s, 1 - s)) / 4


class Tanh(nn.Tanh):
    """sigma(u) = tanh(u)."""

    def potential(self, s: Tensor) -> Tensor:
        """The integral of sigma's inverse from 0 to ``s``, elementwise."""
        return (torch.xlogy(1 + s, 1 + s) + torch.xlogy(1 - s, 1 - s)) / 2


def sigma(name: Sigma) -> nn.Module:
    """The nonlinearity of that name.

    ``hard_sigmoid`` clips u to [0, 1] (Scellier & Bengio 2017), ``half_hard_sigmoid`` clips u / 2
    (the code of Laborieux et al. 2021).
    """
    if name == "hard_sigmoid":
        return HardSigmoid()
    if name == "half_hard_sigmoid":
        return HardSigmoid(2.0)
    return Sigmoid() if name == "sigmoid" else Tanh()


class Hopfield(Network):
    """Layers that are coupled both ways by the synapses of ``blocks``; fully connected.

    The dynamics are in ``credit/settling.py``. The fold of the blocks, as any network's, is the
    feedforward network with the same weights and a linear output: what backprop trains here.

    Attributes:
        sigma: nonlinearity of every layer that settles.
    """

    sigma: nn.Module

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        hidden: Sequence[Count] = (512,),
        activation: Sigma = "hard_sigmoid",
        dropout: Share = 0.0,
        init: Init = "xavier_uniform",
    ) -> None:
        """
        Args:
            hidden: widths of the hidden layers, at least one.
            activation: nonlinearity of every layer that settles.
            dropout: drop probability of hidden units, fixed while they settle.
            init: initial weights; biases start at zero.
        """
        if not hidden:
            raise UserError("hopfield needs at least one hidden layer")
        widths = [math.prod(in_shape), *hidden]
        blocks: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            flat = nn.Flatten() if not blocks else None
            synapse = nn.Linear(n_in, n_out)
            blocks.append(Block(synapse, sigma(activation), reshape=flat, dropout=dropout))
        blocks.append(Block(nn.Linear(widths[-1], classes)))
        super().__init__(in_shape, blocks)
        self.sigma = sigma(activation)
        self.initialize(init, generator)


class HopfieldConv(Hopfield):
    """Convolutional Hopfield network: 3x3 convolutions, each with max-pool 2, then one FC layer.

    Laborieux et al. 2021: channels 128 256 512 512 with paddings 1 1 1 0.
    """

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        channels: Sequence[Count] = (32, 64),
        paddings: Sequence[CountOrZero] | None = None,
        activation: Sigma = "half_hard_sigmoid",
        dropouts: Sequence[Share] | None = None,
        init: Init = "lecun_uniform",
    ) -> None:
        """
        Args:
            channels: of the convolutions, at least one.
            paddings: of the convolutions; 1 each by default.
            activation: nonlinearity of every layer that settles; with tanh, negative states under
                max-pooling may cycle instead of settling.
            dropouts: drop probability of each convolution's units; none by default.
            init: initial weights; biases start at zero.
        """
        paddings = [1] * len(channels) if paddings is None else paddings
        dropouts = [0.0] * len(channels) if dropouts is None else dropouts
        if not channels or not len(channels) == len(paddings) == len(dropouts):
            raise UserError("hopfield_conv needs channels, with one padding and dropout for each")
        blocks: list[nn.Module] = []
        n_in = in_shape[0]
        for n_out, padding, dropout in zip(channels, paddings, dropouts, strict=True):
            conv = nn.Conv2d(n_in, n_out, 3, padding=padding)
            pool = nn.MaxPool2d(2)
            blocks.append(Block(conv, sigma(activation), dropout=dropout, pool=pool))
            n_in = n_out
        try:
            features = math.prod(Network(in_shape, blocks).shapes()[-1])
        except RuntimeError as error:
            raise UserError(
                f"hopfield_conv: images of {in_shape[-2]}x{in_shape[-1]} are too small for "
                f"{len(channels)} convolutions with max-pool 2: use fewer channels"
            ) from error
        blocks.append(Block(nn.Linear(features, classes), reshape=nn.Flatten()))
        Network.__init__(self, in_shape, blocks)
        self.sigma = sigma(activation)
        self.initialize(init, generator)
        self.to(memory_format=torch.channels_last)
