"""One of two processes: trains every algorithm under LocalDDP, in float64 and without noise.

Then one with statistics of its own on every process, undisturbed and in parts.

Usage: python -m tests.conformance.ddp_worker RESULTS NAME [NAME ...], with torchrun's environment.
"""

import sys
from pathlib import Path

import torch

from benchmark.run.runner import Machine, run
from tests.conformance.rows import QUIET, dying_in_epoch, row_of

if __name__ == "__main__":
    torch.set_num_threads(1)
    results, *names = sys.argv[1:]
    for name in names:
        row = row_of(name, "--precision=64-true", *QUIET.get(name, []), epochs=1)
        run(row, 0, Machine(accelerator="cpu", devices=2), Path(results))

    row, often = row_of("ia"), Machine(accelerator="cpu", devices=2, checkpoint_seconds=0)
    run(row, 0, often, Path(results, "whole"))
    with dying_in_epoch(row.algorithm["name"], 1):
        run(row, 0, often, Path(results, "parts"))
    run(row, 0, often, Path(results, "parts"))
