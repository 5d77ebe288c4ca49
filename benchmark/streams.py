"""Named random streams: every draw is a pure function of (seed, name, ...), on any machine.

There is no global random state to save or to share between processes, so resuming a run and
splitting it over several processes repeat exactly the same draws. Streams in use:

* ``("init",)`` forward weights, ``("feedback", k)`` feedback weights,
* ``("split",)`` validation split, ``("order", epoch)`` and ``("augment", epoch)`` data,
* ``("noise", epoch, step, rank)`` dropout masks and injected noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream_seed(seed: int, *name: str | int) -> int:
    """A 63-bit seed for the stream ``name`` of the run ``seed``."""
    text = repr((int(seed), *name)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1


def stream(seed: int, *name: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator at the start of the stream ``name`` of the run ``seed``."""
    return torch.Generator(device=device).manual_seed(stream_seed(seed, *name))


@contextmanager
def default_stream(seed: int, *name: str | int) -> Iterator[None]:
    """Inside, torch's default CPU generator is at the start of a stream; afterwards as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, *name))
        yield
