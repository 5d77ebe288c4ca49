"""Counting what operations do as they run: multiplications and additions, and bytes held."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


class Flops(TorchDispatchMode):
    """Counts the operations of matrix products and convolutions.

    As torch's FlopCounterMode, which keeps track of modules besides and then allows no
    ``autograd.grad`` with respect to leaves. Functions with derivatives of their own are counted by
    the operations that they call.
    """

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func._overloadpacket):
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


class Bytes(TorchDispatchMode):
    """Counts the memory of the tensors that are alive, and its peak.

    What a kernel takes for itself while it runs is not seen.

    Args:
        held: tensors that are there from the start.

    Attributes:
        now: bytes of all memory known to be in use.
        peak: the most of it so far.
    """

    def __init__(self, held: Iterable[Tensor] = ()) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()
        for tensor in held:
            self._meet(tensor.untyped_storage())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, Tensor):
                self._meet(value.untyped_storage())
        return out

    def _meet(self, memory: UntypedStorage) -> None:
        if memory._cdata not in self._known:
            self._known.add(memory._cdata)
            self.now += memory.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(memory, self._forget, memory._cdata, memory.nbytes())

    def _forget(self, address: int, size: int) -> None:
        self._known.discard(address)
        self.now -= size
