"""Convolutional networks that look at an image for several steps (Nayebi et al. 2018)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.errors import UserError
from benchmark.networks.block import Activation, Network, Shape, nonlinearity
from benchmark.networks.init import Init
from benchmark.networks.recurrent import CELLS, Kind
from benchmark.networks.wrap import Whole
from benchmark.options import Count


class Recurrent(nn.Module):
    """A layer in time: convolution, cell, 2x2 max-pooling, at each of ``steps`` steps.

    Takes a still image ``[N, C, H, W]``, shown at every step, or what a layer below did at each
    step, ``[N, T, C, H, W]``; gives ``[N, T, C', H/2, W/2]``.
    """

    def __init__(
        self, n_in: int, n_out: int, kind: Kind, steps: int, activation: Activation, kernel: int
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.cell = CELLS[kind](n_out, nonlinearity(activation), kernel)
        self.pool = nn.MaxPool2d(2)
        self.steps = steps

    def forward(self, z: Tensor) -> Tensor:
        if z.dim() == 4:
            x = [self.conv(z)] * self.steps
        else:
            x = list(self.conv(z.flatten(0, 1)).unflatten(0, (-1, self.steps)).unbind(1))
        state, out = self.cell.start(x[0]), []
        for x_t in x:
            h, state = self.cell(x_t, state)
            out.append(self.pool(h))
        return torch.stack(out, 1)


class ReadOut(nn.Module):
    """Class scores of the last step."""

    def __init__(self, units: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(units, classes)

    def each(self, h: Tensor) -> Tensor:
        """Of every step: [N, T, C, H, W] -> [N, T, classes]."""
        return self.linear(h.flatten(2))

    def forward(self, h: Tensor) -> Tensor:
        return self.linear(h[:, -1].flatten(1))


def pixels(in_shape: Shape, layers: int) -> int:
    """Of a map after as many poolings; UserError where none is left."""
    left = math.prod(n >> layers for n in in_shape[1:])
    if not left:
        raise UserError(f"{layers} poolings leave nothing of images of {tuple(in_shape)}")
    return left


class ConvRNN(Network):
    """3x3 convolutions with recurrent cells, unrolled over ``steps`` steps, and a linear read-out.

    Within a step the image goes through all layers; from step to step a layer keeps its state. Each
    layer is a block whose activity holds all steps, ``[N, T, C, H, W]``: rules that teach blocks
    send it an error for each of them. bp through this network is backpropagation through time.
    """

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        channels: Sequence[Count] = (32, 64, 128),
        cell: Kind = "reciprocal_gated",
        steps: Count = 4,
        kernel: Count = 3,
        activation: Activation = "elu",
        init: Init = "he_uniform",
    ) -> None:
        """
        Args:
            channels: of the layers; inputs need 2 ** len(channels) pixels a side or more.
            cell: what a layer does from step to step.
            steps: T.
            kernel: of the recurrent convolutions, odd.
            activation: f of the cells.
            init: initial forward weights.
        """
        if kernel % 2 == 0:
            raise UserError(f"kernel {kernel} is even: a recurrent convolution keeps the size")
        units = channels[-1] * pixels(in_shape, len(channels))
        widths = [in_shape[0], *channels]
        layers = [
            Recurrent(n_in, n_out, cell, steps, activation, kernel)
            for n_in, n_out in zip(widths, channels, strict=False)
        ]
        super().__init__(in_shape, [*layers, ReadOut(units, classes)])
        self.steps = steps
        self.initialize(init, generator)

    def each_step(self, x: Tensor) -> Tensor:
        """Class scores of every step, ``[N, T, classes]``; the last are those of the network."""
        *layers, read_out = self.blocks
        for layer in layers:
            x = layer(x)
        return read_out.each(x)  # type: ignore[operator,no-any-return]


class LongRange(nn.Module):
    """The layers of a ConvRNN, with a way back from the topmost to the first: a 1x1 convolution.

    What the topmost layer did a step ago is scaled up to the first one's size and joins its input.
    """

    def __init__(
        self, layers: Sequence[Recurrent], read_out: ReadOut, top: int, first: int
    ) -> None:
        super().__init__()
        self.layers, self.read_out = nn.ModuleList(layers), read_out
        self.back = nn.Conv2d(top, first, 1)

    def each(self, image: Tensor) -> Tensor:
        """Class scores of every step, ``[N, T, classes]``."""
        layers: list[Recurrent] = list(self.layers)  # type: ignore[arg-type]
        states: list = [None] * len(layers)
        seen, out = layers[0].conv(image), []
        z: Tensor | None = None
        for _ in range(layers[0].steps):
            x = seen
            if z is not None:
                x = x + F.interpolate(self.back(z), x.shape[2:])
            for k, layer in enumerate(layers):
                x = x if k == 0 else layer.conv(x)
                state = layer.cell.start(x) if states[k] is None else states[k]
                h, states[k] = layer.cell(x, state)
                x = layer.pool(h)
            z = x
            out.append(x)
        return self.read_out.each(torch.stack(out, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.each(image)[:, -1]


class ConvRNNFeedback(Whole):
    """A ConvRNN whose topmost layer talks to its first, a step later: for rules of any network.

    It is no chain of blocks: rules that teach each block apart do not take it.
    """

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        channels: Sequence[Count] = (32, 64, 128),
        cell: Kind = "reciprocal_gated",
        steps: Count = 4,
        kernel: Count = 3,
        activation: Activation = "elu",
        init: Init = "he_uniform",
    ) -> None:
        """
        Args:
            channels, cell, steps, kernel, activation, init: see ``ConvRNN``.
        """
        options = dict(channels=channels, cell=cell, steps=steps, kernel=kernel)
        chain = ConvRNN(in_shape, classes, generator, **options, activation=activation)  # type: ignore[arg-type]
        *layers, read_out = chain.blocks
        whole = LongRange(layers, read_out, channels[-1], channels[0])  # type: ignore[arg-type]
        super().__init__(in_shape, [whole])
        self.steps = steps
        self.initialize(init, generator)

    def each_step(self, x: Tensor) -> Tensor:
        """Class scores of every step, ``[N, T, classes]``; the last are those of the network."""
        return self.blocks[0].each(x)  # type: ignore[operator,no-any-return]
