"""What each rule really is: its angle to backprop as it learns, whether it is backprop, its work.

Angles are those of a small run on mnist5k, three hidden layers, the rule's own bench settings;
everything else is read off one step on a small random network in float64.
"""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tabulate import tabulate
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from tqdm import tqdm

from benchmark.algorithms import ALGORITHMS
from benchmark.credit.angles import angle
from benchmark.credit.true_gradient import symmetric
from benchmark.measure import Measure
from benchmark.streams import stream
from benchmark.suite.perf.counting import Flops
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.reading import read_csv
from benchmark.suite.rows.choose import NETS
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import Names, parse, read_default, row_parser, to_row
from benchmark.suite.rows.row import Row, build_algorithm
from benchmark.suite.run.runner import train
from benchmark.traits import needs

EPOCHS = 6
HIDDEN = "--network.hidden=[64,48,32]"
SHAPE, CLASSES, SAMPLES = (1, 8, 8), 10, 16
SAME = 1e-6  # relative difference of two updates that are one, in float64
PARALLEL = 1e-2  # degrees
MEASURED = (
    "angle_start", "angle_middle", "angle_end", "is_backprop", "products", "passes", "stored",
)  # fmt: skip
VARIANTS: dict[str, tuple[str, list[str]]] = {  # known to be backprop, or parallel to it
    "pc fixed": ("pc", ["--algorithm.predictions=fixed", "--algorithm.steps=4",
                        "--algorithm.state_lr=1"]),
    "epc, one small step": ("epc", ["--algorithm.steps=1", "--algorithm.state_lr=0.000001"]),
    "dtp, one hidden layer": ("dtp", ["--network.hidden=[64]"]),
    "ifa, one hidden layer": ("ifa", ["--network.hidden=[64]"]),
}  # fmt: skip


class Step(NamedTuple):
    """One step of a rule on one batch.

    Attributes:
        update: the forward weights' gradients, by name.
        flops: of its matrix products and convolutions.
        passes: samples that the first synapse answers, per sample of the batch.
    """

    update: dict[str, Tensor]
    flops: int
    passes: float


def row_of(name: str, *options: str) -> Row:
    """A rule's row of the audit."""
    kind = needs(ALGORITHMS[name])
    names = Names(name, "mnist5k", NETS[kind][0] if kind in NETS else "mlp")
    args = [HIDDEN, f"--epochs={EPOCHS}", *options]
    return to_row(parse(row_parser(names), read_default(names), args, "audit"))


def built(row: Row, seed: int) -> Any:
    """A rule in float64 on a random network for images of SHAPE, in its second step: what it does
    once, before the first, is over."""
    algorithm = build_algorithm(row, seed, SHAPE, CLASSES).double()
    algorithm.begin_step(stream(seed, "noise"))
    algorithm._step = 1
    return algorithm


def batch(seed: int) -> tuple[Tensor, Tensor]:
    draws = stream(seed, "audit")
    x = torch.rand(SAMPLES, *SHAPE, generator=draws, dtype=torch.float64)
    return x, torch.randint(CLASSES, (SAMPLES,), generator=draws)


def step_of(algorithm: Any, x: Tensor, y: Tensor) -> Step:
    """All phases of a step; the weights stay as they are."""
    answered = [0]

    def note(_: Any, args: Any) -> None:
        answered[0] += len(args[0])

    synapse = next(m for m in algorithm.net.modules() if hasattr(m, "weight"))
    handle = synapse.register_forward_pre_hook(note)
    names = {p: n for n, p in algorithm.net.named_parameters() if p.requires_grad}
    update: dict[str, Tensor] = {}
    with Flops() as flops:
        algorithm.before_step(x)
        for objective in _objectives(algorithm, x, y):
            grads = torch.autograd.grad(objective, list(names), allow_unused=True)
            for name, g in zip(names.values(), grads, strict=True):
                if g is not None:
                    update[name] = update.get(name, 0) + g
    handle.remove()
    return Step(update, flops.total, answered[0] / len(y))


def stored_by(algorithm: Any, x: Tensor, y: Tensor) -> int | None:
    """Numbers of activities that a step keeps for backward passes; None where torch cannot tell."""
    stored = [0]

    def keep(t: Tensor) -> Tensor:
        stored[0] += t.numel() if t.dim() and len(t) == len(y) else 0  # activities, not weights
        return t

    try:
        with saved_tensors_hooks(keep, lambda t: t):
            step_of(algorithm, x, y)
    except RuntimeError as error:
        if "saved tensor hooks" not in str(error):
            raise
        return None
    return stored[0]


def _objectives(algorithm: Any, x: Tensor, y: Tensor) -> Iterator[Tensor]:
    yield from algorithm.feedback_phase(x)
    for credit in algorithm.credits(x, y):
        yield credit.objective


def is_backprop(row: Row) -> str:
    """``yes`` where a step's update is the gradient of the task loss on three random networks,
    ``parallel`` where each layer's is up to its length, else ``no``; empty without a gradient."""
    verdicts = set()
    for seed in range(3):
        algorithm, (x, y) = built(row, seed), batch(seed)
        update = step_of(algorithm, x, y).update
        with symmetric(algorithm.net):
            task = algorithm.reference(x, y)
            if task is None or not task.requires_grad:
                return ""
            weights = {n: p for n, p in algorithm.net.named_parameters() if n in update}
            grads = torch.autograd.grad(task, list(weights.values()), allow_unused=True)
        pairs = [
            (update[name], g) for name, g in zip(weights, grads, strict=True)
            if g is not None and g.dim() > 1
        ]  # fmt: skip
        same = all((u - g).norm() <= SAME * g.norm() for u, g in pairs)
        parallel = all(angle(u, g) < PARALLEL for u, g in pairs)
        verdicts.add("yes" if same else "parallel" if parallel else "no")
    return verdicts.pop() if len(verdicts) == 1 else "no"


def angles(row: Row) -> list[float]:
    """Degrees between update and gradient, the mean over the hidden layers where it is defined,
    before training, in the middle and at the end."""
    with tempfile.TemporaryDirectory() as folder:
        done = train(row, 0, Machine(accelerator="cpu"), Path(folder), Measure(every=1))
    layers = sorted(k for k in done.alignment if k.startswith("update/"))[:-1]
    if done.diverged or not layers:
        return []
    curves = [[value for _, value in done.alignment[layer]] for layer in layers]
    defined = [[a for a in at if math.isfinite(a)] for at in zip(*curves, strict=True)]
    means = [sum(at) / len(at) if at else math.nan for at in defined]
    return [means[0], means[len(means) // 2], means[-1]]


def audited(name: str, options: list[str]) -> dict[str, Any]:
    """What the table says of a rule with these options."""
    row = row_of(name, *options)
    hidden = [option for option in options if option.startswith("--network.hidden")]
    algorithm, (x, y) = built(row, 0), batch(0)
    bp = row_of("bp", *hidden)
    step, of_bp = step_of(algorithm, x, y), step_of(built(bp, 0), x, y)
    stored, bps = stored_by(built(row, 0), x, y), stored_by(built(bp, 0), x, y)
    degrees = [f"{a:.1f}" if math.isfinite(a) else "" for a in angles(row)] or [""] * 3
    traits = asdict(algorithm.traits if hasattr(algorithm, "traits") else ALGORITHMS[name].traits)
    return {
        **traits,
        **dict(zip(("angle_start", "angle_middle", "angle_end"), degrees, strict=True)),
        "is_backprop": is_backprop(row),
        "products": f"{step.flops / of_bp.flops:.2f}",
        "passes": f"{step.passes:g}",
        "stored": "" if stored is None or not bps else f"{stored / bps:.2f}",
    }


def audit(names: list[str], path: Path) -> str:
    """Audit rules and write them to a table, in place of what it said of them before.

    Args:
        names: of rules; those that have variants here are audited with them too.
        path: of the csv file.

    Returns:
        The table's columns that are no traits, as text.

    Raises:
        UserError: an unknown rule, or a table that cannot be read or written.
    """
    for name in names:
        _ = ALGORITHMS[name]
    cases: dict[str, tuple[str, list[str]]] = {name: (name, []) for name in names}
    cases |= {case: told for case, told in VARIANTS.items() if told[0] in names}
    lines = {line["algorithm"]: line for line in read_csv(path, "audit")} if path.exists() else {}
    for case, (name, options) in tqdm(cases.items(), "audit", disable=None):
        lines[case] = {"algorithm": case} | {k: str(v) for k, v in audited(name, options).items()}
        file = io.StringIO()
        writer = csv.DictWriter(file, list(lines[case]), lineterminator="\n")
        writer.writeheader()
        order = [*ALGORITHMS, *VARIANTS]
        writer.writerows(sorted(lines.values(), key=lambda line: _place(line, order)))
        write_atomically(path, file.getvalue())
    found = [{k: lines[case][k] for k in ("algorithm", *MEASURED)} for case in cases]
    return tabulate(found, headers="keys", disable_numparse=True)


def _place(line: Mapping[str, str], order: list[str]) -> int:
    return order.index(line["algorithm"]) if line["algorithm"] in order else len(order)
