"""Blocks and networks: a network is an ordered list of blocks whose fold is the forward pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from benchmark.errors import UserError
from benchmark.networks.init import BiasInit, Init, draw
from benchmark.networks.local import LocallyConnected2d

Activation = Literal["relu", "tanh", "sigmoid", "elu", "linear", "gelu", "leaky_relu", "hard_tanh"]
Shape = tuple[int, ...]


class ELU(nn.ELU):
    """ELU; without a gradient by exp, which on CPUs takes a fraction of the time of expm1."""

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad or x.is_cuda:
            return super().forward(x)
        return x.relu() + (x.clamp(max=0).exp() - 1)


_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "elu": ELU,
    "linear": nn.Identity,
    "gelu": partial(nn.GELU, approximate="tanh"),  # jax's default
    "leaky_relu": nn.LeakyReLU,
    "hard_tanh": nn.Hardtanh,
}


def nonlinearity(name: Activation) -> nn.Module:
    return _ACTIVATIONS[name]()


def grows(activation: nn.Module) -> bool:
    """Whether an activation never falls: max-pooling before it is max-pooling behind it."""
    x = torch.linspace(-5, 5, 101, device="cpu")
    return bool((activation(x).diff() >= 0).all())


class Dropout(nn.Module):
    """Inverted dropout whose mask is held until :meth:`renew`, so that several passes share it.

    Args:
        p: probability that a unit is dropped; kept units are scaled by 1 / (1 - p).

    Raises:
        UserError: for no probability, or one that leaves no unit.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise UserError(f"a dropout is {p}: it must be at least 0 and below 1")
        self.p = p
        self.mask: Tensor | None = None
        self.generator: torch.Generator | None = None

    def renew(self, generator: torch.Generator) -> None:
        """Forget the mask; the next pass in training mode draws one from ``generator``."""
        self.mask, self.generator = None, generator

    def forward(self, h: Tensor) -> Tensor:
        if not self.training:
            return h
        if self.mask is None:
            uniform = torch.rand(h.shape, generator=self.generator, device=h.device)
            self.mask = (uniform >= self.p).to(h.dtype) / (1 - self.p)
        return h * self.mask


class Block(nn.Module):
    """One credit unit: ``reshape -> input dropout -> synapse -> activation -> dropout -> pool``.

    The affine part and the rest are apart, because rules like PEPITA's teach the affine part
    without the activation's derivative.

    Attributes:
        pools_first: whether ``forward`` pools before the activation: with max-pooling, and without
            dropout, that gives the same for an activation that grows with its input, at less cost.
    """

    def __init__(
        self,
        synapse: nn.Module,
        activation: nn.Module | None = None,
        *,
        reshape: nn.Module | None = None,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        pool: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.reshape = reshape
        self.input_dropout = Dropout(input_dropout) if input_dropout else None
        self.synapse = synapse
        self.activation = activation or nn.Identity()
        self.dropout = Dropout(dropout) if dropout else None
        self.pool = pool
        self.pools_first = isinstance(pool, nn.MaxPool2d) and not dropout and grows(self.activation)

    def enter(self, x: Tensor) -> Tensor:
        """What the synapse reads of the block's input: reshaped, with dropout."""
        x = x if self.reshape is None else self.reshape(x)
        return x if self.input_dropout is None else self.input_dropout(x)

    def affine(self, x: Tensor) -> Tensor:
        """Preactivation a = W x + b."""
        return self.synapse(self.enter(x))

    def activate(self, a: Tensor) -> Tensor:
        """Activity h = f(a), with dropout, before pooling; same shape as ``a``."""
        h = self.activation(a)
        return h if self.dropout is None else self.dropout(h)

    def subsample(self, h: Tensor) -> Tensor:
        """The block's output: the pooled activity."""
        return h if self.pool is None else self.pool(h)

    def forward(self, x: Tensor) -> Tensor:
        a = self.affine(x)
        if self.pools_first:
            return self.activate(self.subsample(a))
        return self.subsample(self.activate(a))


class Network(nn.Module):
    """An ordered list of blocks whose fold is the network; the last block gives the logits.

    Convolutions keep their weights, and with them their activities, in channels-last memory order:
    same numbers, pooling several times as fast on CPUs.

    Attributes:
        in_shape: shape of one input, ``(C, H, W)``.
        blocks: the credit units, input to output.
    """

    def __init__(self, in_shape: Shape, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.in_shape = tuple(in_shape)
        self.blocks = nn.ModuleList(blocks)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x

    def example(self) -> Tensor:
        """One input of zeros, ``[1, C, H, W]``."""
        return torch.zeros(1, *self.in_shape, dtype=next(self.parameters()).dtype)

    def shapes(self) -> list[Shape]:
        """Shapes of one sample's x, h_1, .., h_L."""
        training = self.training
        self.eval()
        x = self.example()
        shapes = [tuple(x.shape[1:])]
        with torch.no_grad():
            for block in self.blocks:
                x = block(x)
                shapes.append(tuple(x.shape[1:]))
        self.train(training)
        return shapes

    def renew_dropout(self, generator: torch.Generator) -> None:
        """Start a training step: every dropout layer draws a fresh mask in its next pass."""
        for dropout in self.dropouts:
            dropout.renew(generator)

    @property
    def dropouts(self) -> list[Dropout]:
        return [m for m in self.modules() if isinstance(m, Dropout)]

    def initialize(
        self,
        init: Init,
        generator: torch.Generator,
        first: Init | None = None,
        biases: BiasInit = "zero",
    ) -> None:
        """Draw the weights of every synapse (linear, conv, locally connected), then the biases.

        Args:
            init: of the weights.
            generator: drawn from, first layer first.
            first: of the first synapse's weights, if another than ``init``.
            biases: zero, or drawn as if each were one more entry of its layer's weights.
        """
        kinds = nn.Linear | nn.Conv2d | LocallyConnected2d
        synapses = [m for m in self.modules() if isinstance(m, kinds)]
        inits = [first or init] + [init] * (len(synapses) - 1)
        for how, synapse in zip(inits, synapses, strict=True):
            synapse.weight.data.copy_(draw(how, synapse.weight.shape, generator))
        for how, synapse in zip(inits, synapses, strict=True):
            if synapse.bias is not None:
                synapse.bias.data.zero_()
                if biases == "as_weights":
                    drawn = draw(how, synapse.weight.shape, generator)
                    synapse.bias.data.copy_(drawn.view(*synapse.bias.shape, -1)[..., 0])
