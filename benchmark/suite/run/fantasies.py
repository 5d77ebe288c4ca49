"""What recorded Boltzmann machines are like: filters, samples, and how well they know the data.

    gap = <F(v)>_validation - <F(v)>_training                              (Hinton 2010, section 6)

in nats: while it grows, the machine learns its training images by heart.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

from benchmark.algorithms.families.boltzmann import Boltzmann
from benchmark.errors import UserError
from benchmark.registry import nearest
from benchmark.streams import stream
from benchmark.suite.records import records
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.reading import read_csv
from benchmark.suite.records.records import Record
from benchmark.suite.run.rest import Missing, Place, trained

FOLDER = "boltzmann"
RULES = ("cd", "classrbm")
COLUMNS = [
    "dataset", "algorithm", "variant", "row_hash", "seed", "layer", "images", "reconstruction",
    "free_energy_train", "free_energy_val", "free_energy_gap",
]  # fmt: skip
FILTERS = 100  # shown: those with the longest weights
CHAINS = 20  # shown, each from a test image
ROUNDS = (0, 1, 10, 100, 1000)  # of sampling after which they are shown
MOST = 10_000  # images that energies are averaged over

Line = dict[str, str]


def fantasies(results: Path, files: Sequence[Path], retrain: bool, args: list[str]) -> list[Path]:
    """Draw the recorded Boltzmann machines, and write ``boltzmann/machines.csv``.

    Args:
        results: folder of results.
        files: records; all runs of such machines whose weights are here, if empty.
        retrain: whether runs without weights are trained again.
        args: options of where to run.

    Returns:
        The files written.

    Raises:
        UserError: a record is of another rule, or no run's weights are here.
    """
    place, written, missing = Place(results, args, retrain, MOST), [], ""
    table = results / FOLDER / "machines.csv"
    lines = {_run(line): line for line in read_csv(table, "table")} if table.exists() else {}
    for record in _chosen(results, files):
        try:
            algorithm, data = trained(record, place)
        except Missing as error:
            missing = f": {error}"
            continue
        stem = records.file_name(record).removesuffix(".json")
        v, y = (part[:CHAINS].to(algorithm.device) for part in next(iter(data.test_dataloader())))
        drawn = {"filters": filters(algorithm), "samples": samples(algorithm, v, y)}
        for kind, pictures in drawn.items():
            written.append(results / FOLDER / f"{stem}-{kind}.png")
            write_atomically(written[-1], _png(pictures))
        lines |= {_run(line): line for line in knowledge(record, algorithm, data)}
    if not written:
        raise UserError(f"no Boltzmann machine's weights are here{missing}")
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(line for _, line in sorted(lines.items()))
    write_atomically(table, file.getvalue())
    return [*written, table]


def _chosen(results: Path, files: Sequence[Path]) -> Iterator[Record]:
    for record in map(records.read, files) if files else records.load(results):
        rule = record["row"]["algorithm"]["name"]
        if rule in RULES and record["status"] == "ok":
            yield record
        elif files:
            raise UserError(f"{records.file_name(record)}: {nearest(rule, RULES)}, not {rule!r}")


def _run(line: Line) -> tuple[str, ...]:
    return tuple(line[name] for name in ("dataset", "algorithm", "row_hash", "seed", "layer"))


@torch.no_grad()
def filters(algorithm: Boltzmann) -> Tensor:
    """W_j of the lowest machine as images ``[1, rows, columns]``; grey is zero, each to its own
    scale, the longest first."""
    W = algorithm.machines[0].W
    chosen = W[W.norm(dim=1).argsort(descending=True)[:FILTERS]]
    scaled = 0.5 + 0.5 * chosen / chosen.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
    return _grid(scaled.unflatten(1, algorithm.net.in_shape), columns=10)


@torch.no_grad()
def samples(algorithm: Boltzmann, v: Tensor, y: Tensor) -> Tensor:
    """Chains from images ``v`` ``[n, C, H, W]`` of classes ``y``: a row for each of ROUNDS."""
    shape, done, shown = v.shape[1:], 0, []
    algorithm.begin_step(stream(algorithm.seed, "fantasies", device=v.device))
    v = v.flatten(1)
    for rounds in ROUNDS:
        v, y = algorithm.fantasies(v, y, rounds - done)
        done = rounds
        shown.append(v.unflatten(1, shape))
    return _grid(torch.cat(shown), columns=len(v))


@torch.no_grad()
def knowledge(record: Record, algorithm: Boltzmann, data: Any) -> Iterator[Line]:
    """Reconstruction error and free energies of each machine, on training and validation images."""
    loader = data.train_dataloader()
    parts = {"train": data.train_items[:MOST], "val": data.val_items[:MOST]}
    v = {
        name: loader.normalizer(loader.images[items].to(algorithm.device)).flatten(1)
        for name, items in parts.items()
    }
    for k, machine in enumerate(algorithm.machines):
        h = {name: machine.hidden(part) for name, part in v.items()}
        F = {name: algorithm.energy_of(k, part).mean().item() for name, part in v.items()}
        held_out = len(parts["val"]) > 0
        part = "val" if held_out else "train"
        error = (machine.visible(h[part]) - v[part]).square().mean().item()
        yield {
            "dataset": record["dataset"]["name"],
            "algorithm": record["row"]["algorithm"]["name"],
            "variant": record["row"].get("variant") or "",
            "row_hash": record["row_hash"],
            "seed": str(record["seed"]),
            "layer": str(k),
            "images": str(len(parts[part])),
            "reconstruction": f"{error:.5f}",
            "free_energy_train": f"{F['train']:.2f}",
            "free_energy_val": f"{F['val']:.2f}" if held_out else "",
            "free_energy_gap": f"{F['val'] - F['train']:.2f}" if held_out else "",
        }
        v = h


def _grid(images: Tensor, columns: int) -> Tensor:
    return make_grid(images.cpu().float(), nrow=columns, padding=1, pad_value=1.0)


def _png(picture: Tensor) -> bytes:
    """Twice as large: an MNIST image is small on today's screens."""
    file = io.BytesIO()
    large = picture.repeat_interleave(2, 1).repeat_interleave(2, 2)
    to_pil_image(large.clamp(0, 1)).save(file, format="png", optimize=True)
    return file.getvalue()
