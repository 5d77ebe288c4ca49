"""Memory: kept by the process instead of going back to the system every step, and its peak."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Parameters of mallopt(3) in glibc, and the values given to them.
_TRIM_THRESHOLD = -1, 2**31 - 1  # free memory at the heap's end that goes back to the system
_TOP_PAD = -2, 2**26  # memory asked for beyond what is needed
_MMAP_THRESHOLD = -3, 2**31 - 1  # allocations from this size on get pages of their own


def keep_freed_memory() -> None:
    """Let glibc's malloc reuse the memory of freed tensors; ask for huge pages. Linux alone.

    By default large tensors get fresh pages from the system, which are zeroed one by one at their
    first use: 10 to 15 % of a training step of a small convolutional network on a CPU. Huge pages
    save about 5 % where the weights are large. To be called before torch makes its first tensor.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "mallopt"):
        for parameter, value in (_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD):
            libc.mallopt(parameter, value)  # type: ignore[union-attr]


def give_back() -> None:
    """Give the system the memory of a finished run; peaks count from here on. Linux alone."""
    gc.collect()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)  # type: ignore[union-attr]
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak is what is resident now


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory in MB: allocated by torch on a GPU, resident in this process on a CPU."""
    if device.type == "cuda":
        import torch  # slow to import: not for those who keep memory alone

        return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def physical_memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
