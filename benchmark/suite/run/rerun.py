"""A record's run once more: the same bits, the same within noise, or not."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from benchmark.errors import UserError, room_in
from benchmark.measure import Measure
from benchmark.suite.records import records
from benchmark.suite.records.records import Record
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import Names, names_in, parse, read_named, row_parser, to_row
from benchmark.suite.rows.row import Row
from benchmark.suite.run.claims import claim_in_turn
from benchmark.suite.run.provenance import differences, made
from benchmark.suite.run.runner import run, run_folder

ERRORS = 3  # standard errors that two runs of one row and seed may be apart


def rerun(path: Path, args: list[str], results: Path) -> bool:
    """Train the row and seed of a record again and print how the two compare.

    The record stays as it is; a killed rerun goes on from its checkpoint, in ``results``/runs.

    Args:
        path: of the record.
        args: options of where to run: ``--data.root``, ``--machine.accelerator`` and the like.
        results: folder of results.

    Returns:
        Whether the runs are equal, in bits or within noise.

    Raises:
        UserError: no valid record, an option of the row itself, or unusable data or devices.
    """
    then = records.read(path)
    row, machine = setup(path, then, args)
    seconds = f", {then['cost']['seconds']:.0f} s then" if "seconds" in then["cost"] else ""
    print(f"{row.title} seed {then['seed']}, recorded {made(then)}{seconds}")
    scratch = results / "runs" / "rerun"
    seed, count = then["seed"], then["environment"].get("threads")
    alone = claim_in_turn(results, f"rerun-{row.hash}-s{seed}", f"this rerun of {row.title}")
    with room_in(results), alone, threads(count):
        now = run(row, seed, machine, scratch, overwrite=True, measure=Measure(0))
        shutil.rmtree(run_folder(scratch, row, seed))
        records.remove(scratch, now)
    equal, verdict = judge(then, now)
    print("\n".join([verdict, *_first_epoch(then, now), *_listed(then, now)]))
    return equal


def setup(path: Path, then: Record, args: list[str]) -> tuple[Row, Machine]:
    """The record's row, and where it is to run: on a CPU if the record comes from one."""
    names = names_in(path)
    row, _ = _parsed(names, path, [])
    place = ["--machine.accelerator=cpu"] if then["environment"]["device"] == "cpu" else []
    asked, machine = _parsed(names, path, [*place, *args])
    if asked.hash != row.hash:
        raise UserError("rerun trains the record's own row: give it places and devices alone")
    if machine.devices * machine.nodes > 1:
        raise UserError("rerun runs in one process: leave machine.devices at 1")
    machine.check()
    return asked, machine


def _parsed(names: Names, path: Path, args: list[str]) -> tuple[Row, Machine]:
    options = parse(row_parser(names), read_named(names, path), args, str(path))
    return to_row(options), Machine(**options.machine.as_dict())


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute with the record's number of threads, where it is known."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(count or before)
        yield
    finally:
        torch.set_num_threads(before)


def judge(then: Record, now: Record) -> tuple[bool, str]:
    """Whether two runs of one row and seed are equal, and that in a sentence.

    Rounding errors grow in training, so that on another machine the runs part. Their test
    accuracies may then differ by up to three standard errors of one, binomial, on the test set. A
    small change of the code can hide in that.
    """
    if then.get("weights_sha256") == now["weights_sha256"]:
        return True, f"equal bits: weights_sha256 {now['weights_sha256'][:12]} both times"
    if then["status"] != now["status"]:
        return False, f"different: {then['status']} then, {now['status']} now"
    if now["status"] == "diverged":
        return True, "equal within noise: diverged both times, to other bits"
    a, b = (record["metrics"]["test_acc"] for record in (then, now))
    bound = ERRORS * _standard_error((a + b) / 2, now["dataset"]["test"])
    equal = abs(a - b) <= bound
    word = "equal within noise" if equal else "different"
    return equal, (
        f"{word}: test {a:.2f} % then, {b:.2f} % now, with other bits; {bound:.2f} points are "
        f"{ERRORS} standard errors of an accuracy on {now['dataset']['test']} images"
    )


def _standard_error(percent: float, images: int) -> float:
    return math.sqrt(percent * (100 - percent) / images)


def _first_epoch(then: Record, now: Record) -> Iterator[str]:
    """Training losses of the first epoch, where rounding has not grown yet."""
    a, b = (record["curve"][0].get("train_loss") if record["curve"] else None
            for record in (then, now))  # fmt: skip
    if a is not None and b is not None:
        yield f"training loss of the first epoch: {a:.6g} then, {b:.6g} now"


def _listed(then: Record, now: Record) -> Iterator[str]:
    differing = list(differences(then, now))
    yield "what differs:" if differing else "data, code, software and machine are the same"
    yield from (f"  {difference}" for difference in differing)
