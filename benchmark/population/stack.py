"""The tensors of several modules of one kind in one tensor each, and a rule's credit on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from benchmark.algorithm import Algorithm, Credit
from benchmark.engine.descent import Descent

Stack = dict[str, Tensor]


def stack_(members: Sequence[nn.Module]) -> Stack:
    """Parameters and buffers by name, ``[S, ...]``; those of the members become views of them.

    Each view has the order in memory that the member's tensor had, so its own code runs as before.
    """
    named = [{**dict(m.named_parameters()), **dict(m.named_buffers())} for m in members]
    stack = {}
    for name, first in named[0].items():
        stride = torch.empty_like(first, device="meta").stride()
        shape, strides = (len(members), *first.shape), (first.numel(), *stride)
        whole = torch.empty_strided(shape, strides, dtype=first.dtype, device=first.device)
        for part, own in zip(whole.unbind(), named, strict=True):
            own[name].data = part.copy_(own[name].detach())
        stack[name] = whole.requires_grad_(first.requires_grad)
    return stack


def joint_credit(rule: Algorithm) -> Callable[[Stack, Tensor, Tensor], Credit]:
    """The credit of a rule for all members at once.

    Returns:
        A function of the stack, inputs ``[S, N, ...]`` and labels ``[S, N]``; objectives are
        ``[S]``, logits ``[S, N, classes]``. There are no signals for a rule that reads none.
    """
    reads = type(rule).after_step is not Algorithm.after_step
    module = _Credit(rule, reads)

    def credit(stack: Stack, x: Tensor, y: Tensor) -> Any:
        return functional_call(module, {f"rule.{name}": t for name, t in stack.items()}, (x, y))

    joint = vmap(credit)
    return lambda stack, x, y: Credit(*joint(stack, x, y))


class _Credit(nn.Module):
    """A rule's credit as a forward pass, which is what ``functional_call`` calls."""

    def __init__(self, rule: Algorithm, signals: bool) -> None:
        super().__init__()
        self.rule, self.signals = rule, signals

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        objective, logits, signals = self.rule.credit(x, y)
        return objective, logits, dict(signals) if self.signals else {}


class ClippedApart(Descent):
    """A step whose gradient is clipped for each member as if it were alone."""

    def clip_(self) -> None:
        learning = [p for p in self.parameters if p.grad is not None]
        for s in range(len(learning[0]) if learning else 0):
            parts = [p.detach()[s] for p in learning]
            for part, p in zip(parts, learning, strict=True):
                part.grad = p.grad[s]  # type: ignore[index]
            torch.nn.utils.clip_grad_norm_(parts, self.clip)  # type: ignore[arg-type]
