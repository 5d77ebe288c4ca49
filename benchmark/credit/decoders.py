"""Decoders: learned maps from a block's activity back to the activity of the block below."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from functools import singledispatch
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.errors import UserError
from benchmark.networks.block import Block, Shape
from benchmark.networks.init import Init, draw
from benchmark.networks.local import LocallyConnected2d

Placing = Literal["after", "before"]


def encode(block: nn.Module, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """A block's activity, and its switches: where a max-pool found the maxima (else None)."""
    if isinstance(block, Block) and isinstance(block.pool, nn.MaxPool2d):
        p, first = block.pool, block.pools_first
        a = block.affine(x)
        h, switches = F.max_pool2d(
            a if first else block.activate(a),
            p.kernel_size, p.stride, p.padding, p.dilation, p.ceil_mode, return_indices=True,
        )  # fmt: skip
        return block.activate(h) if first else h, switches
    return block(x), None


def encode_cut(blocks: Iterable[nn.Module], x: Tensor) -> tuple[list[Tensor], list[Tensor | None]]:
    """Activities h_1 .. h_L and switches; no gradient crosses from a block to the one below."""
    activities, switches = [], []
    for block in blocks:
        x, s = encode(block, x.detach())
        activities.append(x)
        switches.append(s)
    return activities, switches


class Decoder(nn.Module):
    """g: activity of ``block`` -> activity of the block below it.

    The mirror image of the block: undo the pooling (a max-pool by its switches), a linear,
    transposed convolutional or transposed locally connected synapse, undo the reshape.

    Args:
        block: the block to invert.
        below: the block under it, whose nonlinearity is used for placing ``after``.
        shape_below: shape of one sample's activity of ``below``.
        placing: the nonlinearity comes ``after`` the synapse and is that of the block below, so
            that outputs can be activities of it (Lee et al. 2015); or ``before`` it and is the
            block's own, so that g's Jacobian can be the transpose of the block's (Ernoult et al.
            2022), and there is no bias, since only differences of outputs are used.

    Raises:
        UserError: for a synapse or a pooling that no decoder is known for.
    """

    def __init__(
        self, block: nn.Module, below: nn.Module, shape_below: Shape, placing: Placing = "after"
    ) -> None:
        super().__init__()
        if not isinstance(block, Block) or not isinstance(below, Block):
            raise UserError(f"no decoder is known for a block {type(block).__name__}")
        if not isinstance(block.pool, nn.MaxPool2d | nn.AvgPool2d | None):
            raise UserError(f"no decoder is known for the pooling {type(block.pool).__name__}")
        self.synapse = mirrored(block.synapse, shape_below, placing == "after")
        self.activation = copy.deepcopy((below if placing == "after" else block).activation)
        self.placing, self.shape_below = placing, shape_below
        self.pool = block.pool
        if block.pool is not None:
            self.unpooled = _conv_shape(block.synapse, shape_below)

    def forward(self, h: Tensor, switches: Tensor | None = None) -> Tensor:
        if self.placing == "before":
            return self._down(self.activation(h), switches)
        return self.activation(self._down(h, switches))

    def difference(self, t: Tensor, h: Tensor, switches: Tensor | None = None) -> Tensor:
        """g(t) - g(h), by a single product where g ends with its synapse.

        Args:
            t: ``[S N, ...]``, one or several batches of what ``h`` has become.
            h: ``[N, ...]``.
            switches: of ``t``.
        """
        if self.placing == "after":
            return self(t, switches) - self(h, switches)
        change = self.activation(t).unflatten(0, (-1, len(h))) - self.activation(h)
        return self._down(change.flatten(0, 1), switches)

    def _down(self, code: Tensor, switches: Tensor | None) -> Tensor:
        """Undo the pooling and go through the synapse."""
        if self.pool is not None:
            code = unpool(self.pool, code, switches, self.unpooled)
        return self.synapse(code).view(len(code), *self.shape_below)

    def initialize(self, init: Init, generator: torch.Generator) -> None:
        """Draw the weights; biases start at zero."""
        for layer in self.children():
            for name, p in layer.named_parameters():
                p.data.copy_(
                    draw(init, p.shape, generator) if name == "weight" else torch.zeros(p.shape)
                )


class LocallyConnectedTranspose2d(nn.Module):
    """From the outputs of a locally connected layer to its inputs: fields overlap and add up.

    ``weight`` is ``[positions, in_channels * kernel * kernel, out_channels]`` of that layer's, a
    transposed matrix for each position; ``bias`` has the shape of its input.
    """

    def __init__(self, layer: LocallyConnected2d, shape_below: Shape, bias: bool) -> None:
        super().__init__()
        positions, channels, field = layer.weight.shape
        self.kernel_size, self.stride, self.padding = layer.kernel_size, layer.stride, layer.padding
        self.size = tuple(shape_below[1:])
        self.weight = nn.Parameter(torch.empty(positions, field, channels))
        self.bias = nn.Parameter(torch.zeros(shape_below)) if bias else None

    def forward(self, h: Tensor) -> Tensor:
        fields = torch.einsum("nol,lko->nkl", h.flatten(2), self.weight)
        x = F.fold(fields, self.size, self.kernel_size, 1, self.padding, self.stride)  # type: ignore[arg-type]
        return x if self.bias is None else x + self.bias


class DirectDecoder(nn.Module):
    """Q: a change of the output ``[N, classes]`` -> a change of one layer, linear, without bias."""

    def __init__(self, classes: int, shape: Shape) -> None:
        super().__init__()
        self.synapse = nn.Linear(classes, math.prod(shape), bias=False)
        self.shape = shape

    def forward(self, change: Tensor) -> Tensor:
        return self.synapse(change).view(len(change), *self.shape)

    def initialize(self, init: Init, generator: torch.Generator) -> None:
        """Draw the weights."""
        W = self.synapse.weight
        W.data.copy_(draw(init, W.shape, generator))


class Mirror(nn.Module):
    """A block of a feedback network: from what ``block`` gives to what the block below it gives.

    The block's synapse turned round, without bias, then the nonlinearity of the block below. What
    was pooled is spread out again, each value over its window.

    Args:
        block: whose mirror image this is.
        below: the block under it.
        shape_below: shape of one sample's activity of ``below``.

    Raises:
        UserError: for a block that is not plain, or a synapse that no decoder is known for.
    """

    def __init__(self, block: nn.Module, below: nn.Module, shape_below: Shape) -> None:
        super().__init__()
        if not isinstance(block, Block) or not isinstance(below, Block):
            raise UserError(f"no mirror is known for a block {type(block).__name__}")
        self.synapse = mirrored(block.synapse, shape_below, False)
        self.activation = copy.deepcopy(below.activation)
        self.spread = None if block.pool is None else _conv_shape(block.synapse, shape_below)
        self.shape_below = shape_below

    def forward(self, c: Tensor) -> Tensor:
        if self.spread is not None:
            c = F.interpolate(c, size=self.spread, mode="nearest")
        return self.activation(self.synapse(c).view(len(c), *self.shape_below))

    def initialize(self, init: Init, generator: torch.Generator) -> None:
        """Draw the weights."""
        for W in self.synapse.parameters():
            W.data.copy_(draw(init, W.shape, generator))


def _conv_shape(synapse: nn.Module, shape: Shape) -> Shape:
    """Height and width that a convolution gives for an input of ``shape`` ``(C, H, W)``."""
    if not isinstance(synapse, nn.Conv2d) or isinstance(synapse.padding, str):
        raise UserError(f"no decoder is known for a pooled {type(synapse).__name__}")
    c, padding = synapse, synapse.padding
    return tuple(
        (n + 2 * padding[i] - c.dilation[i] * (c.kernel_size[i] - 1) - 1) // c.stride[i] + 1
        for i, n in enumerate(shape[1:])
    )


def unpool(pool: nn.Module, h: Tensor, switches: Tensor | None, size: Shape) -> Tensor:
    """The transpose of a pooling: back to height and width ``size``."""
    if isinstance(pool, nn.MaxPool2d):
        p: Any = pool
        return F.max_unpool2d(h, switches, p.kernel_size, p.stride, p.padding, size)  # type: ignore[arg-type]
    wide = F.interpolate(h, size=size, mode="nearest")
    return wide * (math.prod(h.shape[2:]) / math.prod(size))


@singledispatch
def mirrored(synapse: nn.Module, shape_below: Shape, bias: bool) -> nn.Module:
    """A fresh layer from the outputs of ``synapse`` to its inputs, of the same kind."""
    raise UserError(f"no decoder is known for a synapse {type(synapse).__name__}")


@mirrored.register
def _(synapse: nn.Linear, shape_below: Shape, bias: bool) -> nn.Module:
    return nn.Linear(synapse.out_features, synapse.in_features, bias=bias)


@mirrored.register
def _(synapse: nn.Conv2d, shape_below: Shape, bias: bool) -> nn.Module:
    c = synapse
    padding: Any = c.padding
    lost = [  # inputs that the stride leaves out at the border
        (n + 2 * padding[i] - c.dilation[i] * (c.kernel_size[i] - 1) - 1) % c.stride[i]
        for i, n in enumerate(shape_below[1:])
    ]
    return nn.ConvTranspose2d(
        c.out_channels,
        c.in_channels,
        c.kernel_size,  # type: ignore[arg-type]
        c.stride,  # type: ignore[arg-type]
        padding,
        output_padding=tuple(lost),  # type: ignore[arg-type]
        groups=c.groups,
        bias=bias,
        dilation=c.dilation,  # type: ignore[arg-type]
    )


@mirrored.register
def _(synapse: LocallyConnected2d, shape_below: Shape, bias: bool) -> nn.Module:
    return LocallyConnectedTranspose2d(synapse, shape_below, bias)
