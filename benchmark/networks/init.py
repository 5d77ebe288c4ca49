"""Initial weights as the papers have them, by name."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

Init = Literal[
    "he_uniform",
    "he_normal",
    "xavier_uniform",
    "xavier_normal",
    "lecun_uniform",
    "orthogonal",
    "orthonormal",
    "unit_normal",
    "zero",
]


BiasInit = Literal["zero", "as_weights"]


def draw(init: Init, shape: torch.Size | tuple[int, ...], generator: torch.Generator) -> Tensor:
    """A fresh tensor of ``shape`` ``[fan_out, fan_in, ...]``, drawn on the CPU in float32.

    * ``he_uniform`` U(+-sqrt(6 / fan_in)), ``he_normal`` N(0, 2 / fan_in)
    * ``xavier_uniform`` U(+-sqrt(6 / (fan_in + fan_out))), ``xavier_normal`` the same variance
    * ``lecun_uniform`` U(+-1 / sqrt(fan_in)), the default of Torch7 and PyTorch
    * ``orthonormal`` (Saxe et al.): all singular values are 1; Xavier's variance for a square
    * ``orthogonal``: that times sqrt(6 / (fan_in + fan_out))
    * ``unit_normal`` N(0, 1), for networks that scale the sums
    * ``zero``

    A shape ``[positions, fan_out, fan_in]`` (locally connected) is drawn position by position.
    """
    if len(shape) == 3:
        return torch.stack([draw(init, shape[1:], generator) for _ in range(shape[0])])
    w = torch.empty(shape)
    if init == "he_uniform":
        nn.init.kaiming_uniform_(w, generator=generator)
    elif init == "he_normal":
        nn.init.kaiming_normal_(w, generator=generator)
    elif init == "xavier_uniform":
        nn.init.xavier_uniform_(w, generator=generator)
    elif init == "xavier_normal":
        nn.init.xavier_normal_(w, generator=generator)
    elif init == "lecun_uniform":
        fan_in = w[0].numel()
        nn.init.uniform_(w, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)
    elif init in ("orthogonal", "orthonormal"):
        nn.init.orthogonal_(w, generator=generator)
        w *= math.sqrt(6 / (w.shape[0] + w[0].numel())) if init == "orthogonal" else 1
    elif init == "unit_normal":
        nn.init.normal_(w, generator=generator)
    elif init == "zero":
        w.zero_()
    else:
        raise ValueError(f"unknown init {init!r}")
    return w
