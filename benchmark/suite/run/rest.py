"""A recorded run at rest: the weights that its training ended with, and its images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmark.data.loader import EvaluationLoader
from benchmark.engine.checkpoint import to_resume
from benchmark.errors import UserError, room_in
from benchmark.measure import Measure
from benchmark.suite.records import records
from benchmark.suite.records.records import Record
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.row import Row, build_algorithm, build_data
from benchmark.suite.run.claims import claim_in_turn
from benchmark.suite.run.rerun import setup, threads
from benchmark.suite.run.runner import run_folder, run_key, train, weights_sha256


class Images(NamedTuple):
    """Test images ``[N, C, H, W]`` of pixels in [0, 1], their labels, and what networks read."""

    x: Tensor
    y: Tensor
    normalize: Any


@dataclass(frozen=True)
class Place:
    """Where runs lie and what may be done for want of their weights.

    Attributes:
        results: folder of results.
        args: options of where to run: ``--data.root``, ``--machine.accelerator`` and the like.
        retrain: whether a run without a checkpoint is trained again.
        images: how many to attack.
    """

    results: Path
    args: list[str]
    retrain: bool
    images: int


class Missing(UserError):
    """A run cannot be attacked, for want of its weights or its data."""


def at_rest(record: Record, place: Place) -> tuple[Any, Images]:
    """A record's algorithm with the weights that its training ended with, and its test images.

    Raises:
        Missing: see :func:`trained`.
    """
    algorithm, data = trained(record, place)
    return algorithm, test_images(data, place.images, algorithm.device)


def trained(record: Record, place: Place) -> tuple[Any, Any]:
    """A record's algorithm with the weights that its training ended with, and its data.

    They come from the run's checkpoint; where that is gone, from training the row again.

    Raises:
        Missing: neither has the record's weights, or the data are not the record's.
    """
    path = records.path_of(place.results, record["row_hash"], record["seed"])
    if path is None:
        raise Missing(f"{records.file_name(record)} is not in {place.results}/records")
    row, machine = setup(path, record, place.args)
    if "weights_sha256" not in record:
        raise Missing(f"{path.name} does not say its weights' checksum: --again (AGAIN=1) of bench")
    data = build_data(row, record["seed"])
    data.prepare_data()
    data.setup("fit")
    if record["dataset"].get("sha256", data.sha256) != data.sha256:
        raise Missing(f"{path.name} was made on other images of {row.data['name']} than lie here")
    algorithm = build_algorithm(row, record["seed"], data.shape, data.classes)
    if row.precision == "64-true":
        algorithm = algorithm.double()
    _load(algorithm, row, record, machine, place)
    return algorithm.to("cuda" if machine.uses_gpu else "cpu"), data


def _load(algorithm: Any, row: Row, record: Record, machine: Machine, place: Place) -> None:
    """Give a freshly built algorithm the weights of a record."""
    seed, folder = record["seed"], run_folder(place.results, row, record["seed"])

    def from_checkpoint() -> bool:
        if found := to_resume(folder / "last.ckpt", run_key(row, seed)):
            state = torch.load(found, map_location="cpu", weights_only=True)["state_dict"]
            algorithm.load_state_dict(state)
        return weights_sha256(algorithm) == record["weights_sha256"]

    if from_checkpoint():
        return
    name = records.file_name(record)
    if not place.retrain:
        raise Missing(f"{name}: its weights are not in {folder}: --retrain trains them again")
    alone = claim_in_turn(place.results, run_key(row, seed), f"{row.title} seed {seed}")
    with room_in(place.results), alone, threads(record["environment"].get("threads")):
        train(row, seed, machine, folder, Measure(0))
    if not from_checkpoint():
        raise Missing(
            f"{name}: trained again it has other weights than its record, made on another machine "
            "or by other code: record it here with bench --again (AGAIN=1)"
        )


def test_images(data: Any, most: int, device: torch.device) -> Images:
    """Up to ``most`` test images, spread evenly over all of them, in their order.

    Raises:
        UserError: the data do not lie in memory.
    """
    loader = data.test_dataloader()
    if not isinstance(loader, EvaluationLoader):
        raise UserError(f"robust needs data that fit in memory: {data.name} is read from files")
    total = len(loader.labels)
    n = min(most, total)
    items = torch.arange(n) * total // n
    x = loader.images[items].float().div_(255).to(device)
    return Images(x, loader.labels[items].to(device), loader.normalizer.to(device))
