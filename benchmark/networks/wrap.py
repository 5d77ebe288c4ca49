"""Networks made elsewhere: modules as the ordered blocks that algorithms train."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from torch import nn

from benchmark.errors import UserError
from benchmark.networks.block import ELU, Block, Dropout, Network, Shape, grows
from benchmark.networks.local import LocallyConnected2d

SYNAPSES = (nn.Linear, nn.Conv2d, LocallyConnected2d)
ACTIVATIONS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Softplus, nn.Tanh, nn.Hardtanh, nn.Softsign, nn.Sigmoid, nn.Hardsigmoid, nn.Identity,
)  # fmt: skip
POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)
RESHAPES = (nn.Flatten, nn.Unflatten)
PROBABILITIES = (nn.Softmax, nn.LogSoftmax, nn.Sigmoid, nn.LogSigmoid)


class Whole(Network):
    """A module that is no chain of blocks: for rules that need none."""


def as_network(module: nn.Module | Sequence[nn.Module], in_shape: Shape) -> Network:
    """A network to train with any algorithm that can.

    A chain of layers (``nn.Sequential``, or a list) is parted into blocks, one for each linear,
    convolutional or locally connected layer: with the reshaping and dropout before it, and the
    activation, dropout and pooling behind it. Layers that fit no such place, a norm for instance,
    stay with the layer before them: such a block does for rules that take it as a whole. Modules of
    the chain that hold several synapses are blocks too. Any other module does for rules whose error
    travels through synapses, such as bp, fa and kp.

    Weights stay as they are. ``nn.Dropout`` in a chain becomes dropout whose masks are functions of
    the seed and the step.

    Args:
        module: gives logits ``[N, classes]`` for inputs ``[N, *in_shape]``: no softmax at its end.
        in_shape: of one input.

    Raises:
        UserError: the module does not take such inputs, gives no logits, or has no synapse.
    """
    layers = list(_layers(module))
    if isinstance(layers[-1] if layers else None, PROBABILITIES):
        raise UserError(f"the network ends with {layers[-1]}: leave it out, logits are needed")
    whole = isinstance(module, nn.Module) and not isinstance(module, nn.Sequential | nn.ModuleList)
    whole = whole and not isinstance(module, SYNAPSES)
    net = Whole(in_shape, [module]) if whole else Network(in_shape, list(_blocks(layers)))  # type: ignore[list-item]
    if not any(isinstance(m, SYNAPSES) for m in net.modules()):
        raise UserError("the network has no linear, convolutional or locally connected layer")
    try:
        out_shape = net.shapes()[-1]
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"the network fails on inputs of shape {tuple(in_shape)}: {reason}"
        ) from error
    if len(out_shape) != 1:
        raise UserError(f"the network gives {out_shape} for one input: it must give [classes]")
    return net


def _layers(module: nn.Module | Iterable[nn.Module]) -> Iterator[nn.Module]:
    """The layers of a chain, chains within it unfolded; dropout with masks of its own."""
    if isinstance(module, nn.Sequential | nn.ModuleList) or not isinstance(module, nn.Module):
        for part in module:
            yield from _layers(part)
        return
    if getattr(module, "inplace", False):
        module.inplace = False  # type: ignore[assignment]  # preactivations are read later
    yield Dropout(module.p) if isinstance(module, nn.Dropout) else module


def _blocks(layers: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Cut before each synapse, and before the reshaping and dropout that lead to it."""
    part: list[nn.Module] = []
    ahead: list[nn.Module] = []  # may belong to the next synapse
    for layer in layers:
        if any(isinstance(m, SYNAPSES) for m in layer.modules()):
            leads = ahead if _leads(ahead) else []
            if part:
                yield _block([*part, *ahead[: len(ahead) - len(leads)]])
                part, ahead = [*leads, layer], []
            else:
                part, ahead = [*ahead, layer], []
        elif part and not (ahead or isinstance(layer, RESHAPES)):
            part.append(layer)
        else:
            ahead.append(layer)
    if part or ahead:
        yield _block([*part, *ahead])


def _leads(layers: Sequence[nn.Module]) -> bool:
    """Whether layers are reshaping, and dropout behind it, if any."""
    behind = layers[:-1] if layers and isinstance(layers[-1], Dropout) else layers
    return bool(layers) and all(isinstance(layer, RESHAPES) for layer in behind)


def _block(layers: Sequence[nn.Module]) -> nn.Module:
    """A plain block where the layers fit one, else the layers in a chain."""
    rest = list(layers)
    reshape = _take(rest, RESHAPES)
    enter = _take(rest, Dropout)
    synapse = _take(rest, SYNAPSES)
    early_pool = _take(rest, nn.MaxPool2d)
    activation = _take(rest, ACTIVATIONS)
    dropout = _take(rest, Dropout)
    pool = _take(rest, POOLS)
    early = early_pool is None or not (dropout or pool or not grows(activation or nn.Identity()))
    if synapse is None or rest or not early:
        return layers[0] if len(layers) == 1 else nn.Sequential(*layers)
    return Block(
        synapse,
        activation,
        reshape=reshape,
        input_dropout=enter.p if isinstance(enter, Dropout) else 0.0,
        dropout=dropout.p if isinstance(dropout, Dropout) else 0.0,
        pool=early_pool or pool,
    )


def _take(layers: list[nn.Module], kinds: type | tuple[type, ...]) -> nn.Module | None:
    """Take the first layer off, if it is of these kinds."""
    return layers.pop(0) if layers and isinstance(layers[0], kinds) else None
