"""The robustness of recorded runs: their final weights under attacks and corruptions."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from benchmark.errors import UserError
from benchmark.measure import attacks
from benchmark.measure.victim import Victim
from benchmark.registry import nearest
from benchmark.streams import stream
from benchmark.suite.records import records, robustness
from benchmark.suite.records.failed import failure
from benchmark.suite.records.labels import task_key
from benchmark.suite.records.records import Record
from benchmark.suite.run.environment import environment, now
from benchmark.suite.run.rest import Images, Missing, Place, at_rest

PGD_STEPS = 20
PGD_REACH = 2.5  # radii of the ball that all steps together are long (Madry et al. 2018)
QUERIES = (50, 1000)
CORRUPTIONS = {"noise": (0.1, 0.2, 0.4), "blur": (0.5, 1.0, 2.0), "contrast": (0.5, 0.3, 0.15)}
SETTINGS = {"pgd_steps": PGD_STEPS, "pgd_reach": PGD_REACH, "square_area": attacks.AREA}


def radii(channels: int) -> tuple[float, ...]:
    """Largest changes of a pixel: Madry et al.'s for grey images, BioTorch's for colour."""
    return (0.1, 0.2, 0.3) if channels == 1 else (0.01034, 0.03103)


def robust(front: Namespace, args: list[str]) -> Iterator[Path]:
    """Measure the robustness of the records that are asked for, one after the other.

    Args:
        front: record (files), algorithm (names with commas), dataset, network, images, retrain,
            again, results.
        args: the remaining command line, options of where to run.

    Yields:
        The files as they are written.

    Raises:
        UserError: nothing is asked for or recorded, or of what is there nothing could be measured.
    """
    if front.images < 1:
        raise UserError(f"images is {front.images}: it must be at least 1")
    everyone = records.load(front.results)
    chosen = list(_chosen(front, everyone))
    place = Place(front.results, args, front.retrain, front.images)
    missing = []
    for record in chosen:
        path = robustness.path_of(front.results, record)
        if path.exists() and not front.again:
            print(f"already measured: {path}; --again (AGAIN=1) repeats it")
            continue
        try:
            measured = measure(record, everyone, place)
        except Missing as error:
            missing.append(str(error))
            print(error)
            continue
        yield robustness.save(front.results, record, measured, overwrite=front.again)
    if missing and len(missing) == len(chosen):
        raise UserError(f"none of {len(chosen)} runs could be attacked; the last: {missing[-1]}")


def _chosen(front: Namespace, everyone: list[Record]) -> Iterator[Record]:
    """The records of the asked files, or of the asked names."""
    names = {
        "algorithm": front.algorithm.split(",") if front.algorithm else [],
        "data": [front.dataset] if front.dataset else [],
        "network": [front.network] if front.network else [],
    }
    if bool(front.record) == any(names.values()):
        raise UserError("choose runs by --algorithm, --dataset and --network, or by --record")
    if front.record:
        yield from map(records.read, front.record)
        return
    found = everyone
    for part, asked in names.items():
        known = sorted({record["row"][part]["name"] for record in everyone})
        for name in asked:
            if name not in known:
                raise UserError(f"no record's {part} is {name!r}: {nearest(name, known)}")
        found = [r for r in found if not asked or r["row"][part]["name"] in asked]
    if not found:
        raise UserError(f"no record of all these names in {front.results}/records: run it first")
    yield from found


def measure(record: Record, everyone: list[Record], place: Place) -> robustness.Measured:
    """What a record's run withstands.

    Raises:
        Missing: it diverged, or its weights or data are not here.
        UserError: for options of the row itself, or unusable data or devices.
    """
    started = time.monotonic()
    if record["status"] == "diverged":
        raise Missing(f"{records.file_name(record)} {failure(record)}: there is nothing to attack")
    algorithm, images = at_rest(record, place)
    victim = Victim(algorithm, images.normalize, images.x[:1], images.y[:1])
    source = _source(record, everyone, place)
    bp = Victim(*source[1:], images.x[:1], images.y[:1]) if source else None
    name = records.file_name(record)
    if victim.gradient is None:
        print(f"{name}: its predictions have no gradient: fgsm and pgd are left out")
    if victim.feedback is None:
        print(f"{name}: its own feedback gives the input no signal: pgd through it is left out")
    if bp is None:
        print(f"{name}: no other seed of backprop on its task is here: transfer is left out")
    points = list(withstood(victim, bp, images, record["seed"]))
    return {
        "schema": 1,
        "row_hash": record["row_hash"],
        "seed": record["seed"],
        "weights_sha256": record["weights_sha256"],
        "images": len(images.y),
        "clean_acc": _percent(victim.right(images.x, images.y)),
        "points": points,
        "environment": environment(algorithm.device, 1, record["row"].get("precision", "32-true")),
        "finished": now(),
        "settings": SETTINGS,
        "seconds": round(time.monotonic() - started, 1),
    } | ({"source": source[0]} if source else {})


def withstood(
    victim: Victim, bp: Victim | None, images: Images, seed: int
) -> Iterator[dict[str, Any]]:
    """Accuracy under each attack and corruption, as points of the record.

    An image withstands an attack if it is right without it too. Draws are functions of the seed,
    the attack and its strength.
    """
    x, y, _ = images
    clean = victim.right(x, y)

    def generator(*name: str | int) -> torch.Generator:
        return stream(seed, "robust", *name, device=x.device)

    def point(attack: str, strength: float, through: str, right: Tensor, **more: Any) -> Any:
        acc = _percent(right)
        return {"attack": attack, "strength": strength, "through": through, "acc": acc, **more}

    for eps in radii(x.shape[1]):
        ways = {"true": victim.gradient, "own": victim.feedback, "bp": bp and bp.gradient}
        if gradient := ways["true"]:
            x_adv = attacks.fgsm(gradient, x, y, eps)
            yield point("fgsm", eps, "true", clean & victim.right(x_adv, y))
        for through, gradient in ways.items():
            if gradient:
                start = generator("pgd", repr(eps))
                alpha = PGD_REACH * eps / PGD_STEPS
                x_adv = attacks.pgd(gradient, x, y, eps, PGD_STEPS, alpha, start)
                yield point("pgd", eps, through, clean & victim.right(x_adv, y))
        for most in QUERIES:
            draws = generator("square", repr(eps), most)
            found = attacks.square(victim.scores, x, y, eps, most, draws)
            asked = found.queries[clean].double().mean().item() if clean.any() else 0.0
            right = clean & victim.right(found.x, y)
            yield point("square", eps, "scores", right, queries=most, queries_mean=asked)
    for name, strengths in CORRUPTIONS.items():
        for strength in strengths:
            given = [generator(name, repr(strength))] if name == "noise" else []
            corrupted = getattr(attacks, name)(x, strength, *given)
            yield point(name, strength, "nothing", victim.right(corrupted, y))


def _percent(right: Tensor) -> float:
    return round(100 * right.double().mean().item(), 4)


def _source(
    record: Record, everyone: list[Record], place: Place
) -> tuple[dict[str, Any], Any, Any] | None:
    """Another seed of backprop on the record's task, to take gradients from; itself at rest.

    Of several rows of backprop the one with the best validation accuracy; of its seeds the next.
    So backprop itself is not attacked through its own weights, nor any rule through a network
    that began as its own did.

    Returns:
        What the record says of it, the algorithm, and what its images pass; None for none.
    """

    def is_source(other: Record) -> bool:
        return (
            other["row"]["algorithm"]["name"] == "bp"
            and task_key(other) == task_key(record)
            and not failure(other)
            and other["seed"] != record["seed"]
        )

    rows = records.by_row(filter(is_source, everyone)).values()
    for group in sorted(rows, key=_merit):
        for other in sorted(group, key=lambda r: (r["seed"] < record["seed"], r["seed"])):
            try:
                algorithm, images = at_rest(other, place)
            except Missing:
                continue
            keys = ("row_hash", "seed", "weights_sha256")
            return {key: other[key] for key in keys}, algorithm, images.normalize
    return None


def _merit(group: list[Record]) -> tuple[float, str]:
    """Orders rows, the best validation accuracy first."""
    accuracies = [r["metrics"].get("val_acc") or 0.0 for r in group]
    return -fmean(accuracies), group[0]["row_hash"]
