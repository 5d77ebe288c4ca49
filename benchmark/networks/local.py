"""Locally connected layers: a convolution's geometry, but weights of its own at every position."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LocallyConnected2d(nn.Module):
    """Like a convolution without weight sharing.

    ``weight`` is ``[positions, out_channels, in_channels * kernel * kernel]`` and ``bias``
    ``[positions, out_channels]``, with positions in row-major order of the output map.

    Args:
        in_shape: shape of one input, ``(C, H, W)``.
        out_channels: channels of the output.
        kernel: side of the receptive field.
        stride: step between receptive fields.
        padding: zeros added at every border.
        bias: whether every unit has a bias.
    """

    def __init__(
        self,
        in_shape: tuple[int, ...],
        out_channels: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel, stride, padding
        channels, *size = in_shape
        self.out_size = [(n + 2 * padding - kernel) // stride + 1 for n in size]
        positions = self.out_size[0] * self.out_size[1]
        self.weight = nn.Parameter(torch.empty(positions, out_channels, channels * kernel**2))
        self.bias = nn.Parameter(torch.zeros(positions, out_channels)) if bias else None

    def patches(self, x: Tensor) -> Tensor:
        """Receptive fields of ``x`` ``[N, C, H, W]`` as ``[N, C * kernel * kernel, positions]``."""
        return F.unfold(x, self.kernel_size, 1, self.padding, self.stride)

    def bias_map(self, bias: Tensor) -> Tensor:
        """``bias`` ``[positions, out_channels]`` as ``[out_channels, height, width]``."""
        return bias.t().unflatten(1, self.out_size)

    def local_op(self, x: Tensor, W: Tensor, bias: Tensor | None) -> Tensor:
        """The layer with weights ``W``, as a map ``[N, out_channels, height, width]``."""
        y = torch.einsum("nkl,lok->nol", self.patches(x), W).unflatten(2, self.out_size)
        return y if bias is None else y + self.bias_map(bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.local_op(x, self.weight, self.bias)
