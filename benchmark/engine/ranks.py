"""Which of several processes this is, as far as its environment says; without PyTorch."""

from __future__ import annotations

import os

RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")


def is_first() -> bool:
    """Whether this is the first of a run's processes, or the only one."""
    return all(os.environ.get(rank, "0") == "0" for rank in RANKS)


def is_started_by_others() -> bool:
    """Whether torchrun, Slurm or another process of the run has started this one."""
    return any(rank in os.environ for rank in RANKS)
