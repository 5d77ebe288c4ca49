"""A row's network on its images, or one line about which images it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import torch

from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.streams import stream

SIDES = (*range(1, 65), 96, 128, 224, 256)  # that are tried, to say which would do
UNFIT = (ArithmeticError, LookupError, RuntimeError, ValueError)  # what layers raise


def build_network(network: Mapping[str, Any], seed: int, shape: Sequence[int], classes: int) -> Any:
    """The freshly drawn network of a row.

    Args:
        network: its name and options.
        seed: of the run.
        shape: C, H, W of an image.
        classes: their number.

    Raises:
        UserError: it does not take such images; those that it takes are named.
    """
    try:
        return _built(network, seed, shape, classes)
    except UNFIT as error:
        name, (channels, *_) = network["name"], shape
        reason = (str(error).splitlines() or [""])[0]
        if takes(network, shape, classes):  # too large, then
            raise UserError(f"network {name} cannot be built here: {reason}") from error
        say = f"it takes {sides}" if (sides := _sides(network, channels, classes)) else reason
        raise UserError(f"network {name} does not take images of {tuple(shape)}: {say}") from error


def takes(network: Mapping[str, Any], shape: Sequence[int], classes: int) -> bool:
    """Whether a network can be built for such images, tried on tensors without data."""
    try:
        with torch.device("meta"):
            _built(network, 0, shape, classes)
    except (UserError, *UNFIT):
        return False
    return True


def _built(network: Mapping[str, Any], seed: int, shape: Sequence[int], classes: int) -> Any:
    cls: Any = NETWORKS[network["name"]]
    options = {key: value for key, value in network.items() if key != "name"}
    net = cls(tuple(shape), classes, stream(seed, "init"), **options)
    net.shapes()  # one image of zeros goes through
    return net


def _sides(network: Mapping[str, Any], channels: int, classes: int) -> str:
    """Which square images with as many channels it takes, in words; empty for none."""
    fitting = [side for side in SIDES if takes(network, (channels, side, side), classes)]
    runs = [
        [side for _, side in run]
        for _, run in groupby(enumerate(fitting), lambda p: SIDES.index(p[1]) - p[0])
    ]
    spans = [f"{run[0]} to {run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    if runs and runs[-1][-1] == SIDES[-1]:
        spans[-1] = f"{runs[-1][0]} or more"
    return f"{' or '.join(spans)} pixels a side" if spans else ""
