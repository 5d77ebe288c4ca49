"""Look at a module in action and leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Inside, ``module`` may run and change; afterwards it is as before, every tensor in its place.

    Restored are parameters, buffers and attributes of all submodules: batch-norm statistics,
    dropout masks, training mode, lists and dictionaries one level deep.
    """
    tensors = [(t, t.detach().clone()) for t in (*module.parameters(), *module.buffers())]
    attributes = [(m, dict(vars(m))) for m in module.modules()]
    containers = [
        (value, value.copy())
        for _, own in attributes
        for value in own.values()
        if isinstance(value, dict | list)
    ]
    try:
        yield
    finally:
        for m, own in attributes:
            vars(m).clear()
            vars(m).update(own)
        for container, content in containers:
            container.clear()
            container.update(content) if isinstance(container, dict) else container.extend(content)
        with torch.no_grad():
            for tensor, value in tensors:
                tensor.copy_(value)
