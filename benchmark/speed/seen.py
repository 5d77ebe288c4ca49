"""What Python sees of the state that a step may change: numbers, and which tensors there are.

A repeated step runs no Python. A number that the step counts up, a list that it lets grow and a
tensor that it puts in another's place stay as they were.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

Seen = dict[str, Any]
_NUMBERS = (bool, int, float, complex, str)
_CONTAINERS = (Mapping, list, tuple, deque, set)
_OF_EVERY_MODULE = {*vars(nn.Module())}
_OTHERS = {"torch", "lightning", "torchmetrics", "builtins"}
_DEEPEST, _LONGEST = 4, 1000


def seen(state: nn.Module, optimizer: torch.optim.Optimizer | None) -> Seen:
    """Numbers and tensors by name: attributes of the modules, what containers and plain objects in
    them hold, and an optimizer's groups and state.

    Of containers with many entries only their number is seen; callable objects and those of
    libraries are not.
    """
    found: Seen = {}
    for name, module in state.named_modules():
        own = {k: v for k, v in vars(module).items() if k not in _OF_EVERY_MODULE}
        for key, value in (own | module._parameters | module._buffers).items():
            found.update(_within(f"{name}.{key}" if name else key, value))
    if optimizer:
        for k, group in enumerate(optimizer.param_groups):
            found.update(_within(f"optimizer group {k}", group))
        for k, held in enumerate(optimizer.state.values()):
            found.update(_within(f"optimizer state {k}", held))
    return found


def _within(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (*_NUMBERS, Tensor)):
        yield name, value
    elif depth == _DEEPEST:
        return
    elif isinstance(value, _CONTAINERS):
        yield f"len({name})", len(value)
        if len(value) <= _LONGEST:
            entries = value.items() if isinstance(value, Mapping) else enumerate(value)
            for key, entry in entries:
                yield from _within(f"{name}[{key!r}]", entry, depth + 1)
    elif _is_plain(value):
        for key, entry in vars(value).items():
            yield from _within(f"{name}.{key}", entry, depth + 1)


def _is_plain(value: Any) -> bool:
    root = type(value).__module__.partition(".")[0]
    return hasattr(value, "__dict__") and not callable(value) and root not in _OTHERS


def changed_numbers(before: Seen, after: Seen) -> str:
    """How the first number that is another afterwards was changed; empty if none was."""
    for name in {**before, **after}:
        a, b = before.get(name), after.get(name)
        numbers = isinstance(a, _NUMBERS) or isinstance(b, _NUMBERS)
        if numbers and a is not b and repr(a) != repr(b):
            a, b = ("a tensor" if isinstance(v, Tensor) else repr(v) for v in (a, b))
            return f"changes {name} from {a} to {b}, and only tensors can change in place"
    return ""


def rebound(before: Seen, after: Seen) -> Iterator[tuple[str, Tensor]]:
    """Names of which another tensor is had afterwards, with the former one."""
    for name, value in before.items():
        if isinstance(value, Tensor) and after.get(name) is not value:
            yield name, value
