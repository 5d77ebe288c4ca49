"""One of two processes: trains every algorithm under LocalDDP, in float64.

Then a row with a stop, and a network whose batch norm has statistics of its own on every process,
whole and in parts.

Usage: python -m tests.conformance.ddp_worker RESULTS NAME [NAME ...], with torchrun's environment.
"""

import sys
from pathlib import Path

import torch

from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import Names, parse, row_parser, to_row
from benchmark.suite.rows.row import Row
from benchmark.suite.run.runner import run, run_folder
from tests.conformance.rows import (
    digits_read_once,
    stopping_row,
    told_to_end_in_epoch,
    two_process_row,
)


def normed_row(images: Path) -> Row:
    """Three chunks an epoch."""
    names = Names("bp", "folder", "resnet20")
    args = [f"--data.root={images}", "--data.batch_size=8", "--data.val_size=8", "--epochs=2"]
    return to_row(parse(row_parser(names), {}, [*args, "--data.steps_per_call=2"], "processes"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    results, *names = sys.argv[1:]
    two = Machine(accelerator="cpu", devices=2)
    with digits_read_once():
        for name in names:
            run(two_process_row(name), 0, two, Path(results))
        run(stopping_row(), 0, two, Path(results, "stopped"))

    row = normed_row(Path(results, "images"))
    run(row, 0, two, Path(results, "whole"))
    with told_to_end_in_epoch("bp", 1):
        run(row, 0, two, Path(results, "parts"))
    saved = torch.load(run_folder(Path(results, "parts"), row, 0) / "last.ckpt", weights_only=True)
    assert saved["in_epoch"]["step"] == 2  # the first chunk of three
    run(row, 0, two, Path(results, "parts"))
