"""Fully connected networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from benchmark.networks.block import Activation, Block, Network, Shape, nonlinearity
from benchmark.networks.init import BiasInit, Init
from benchmark.options import Count, Share


class MLP(Network):
    """Fully connected: ``hidden`` layers with a nonlinearity, then a linear layer of classes."""

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        hidden: Sequence[Count] = (1024,),
        activation: Activation = "relu",
        bias: bool = False,
        dropout: Share = 0.0,
        input_dropout: Share = 0.0,
        init: Init = "he_uniform",
        first_init: Init | None = None,
        bias_init: BiasInit = "zero",
    ) -> None:
        """
        Args:
            hidden: widths of the hidden layers.
            activation: nonlinearity of the hidden layers.
            bias: whether layers have biases.
            dropout: drop probability after each hidden layer.
            input_dropout: drop probability of the inputs.
            init: initial forward weights.
            first_init: those of the first layer, where they are others.
            bias_init: biases start at zero, or are drawn as weights of their layer are.
        """
        widths = [math.prod(in_shape), *hidden, classes]
        blocks: list[nn.Module] = []
        for k, (n_in, n_out) in enumerate(pairwise(widths)):
            first, last = k == 0, k == len(hidden)
            blocks.append(
                Block(
                    nn.Linear(n_in, n_out, bias=bias),
                    None if last else nonlinearity(activation),
                    reshape=nn.Flatten() if first else None,
                    input_dropout=input_dropout if first else 0.0,
                    dropout=0.0 if last else dropout,
                )
            )
        super().__init__(in_shape, blocks)
        self.initialize(init, generator, first_init, bias_init)
