"""Several seeds of a row, trained together, and recorded one by one."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger

from benchmark.algorithm import Algorithm
from benchmark.engine.checkpoint import CheckpointFile, RunCheckpoint, to_resume
from benchmark.engine.recorder import Recorder
from benchmark.engine.stop import EarlyStop
from benchmark.errors import unwritable
from benchmark.measure import Alignment, Measure
from benchmark.population import Each, Population, Seat, SideBySide
from benchmark.suite.records import records
from benchmark.suite.records.records import slug
from benchmark.suite.records.schema import hash_of
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.row import Row
from benchmark.suite.run.runner import (
    Trained,
    algorithm_for,
    checkpoint_in,
    data_for,
    fit,
    looks_at,
    record_of,
    run,
    run_folder,
    run_key,
    trainer_for,
)


def group_key(row: Row, seeds: Sequence[int]) -> str:
    """The name of a group of runs, fit for a file."""
    return f"{row.hash}-s{seeds[0]}and{len(seeds) - 1}more-{hash_of({'seeds': [*seeds]})[:6]}"


def group_title(row: Row, seeds: Sequence[int]) -> str:
    return f"{row.title} seeds {', '.join(map(str, seeds[:3]))}{', ..' * (len(seeds) > 3)}"


def group_folder(results: Path, row: Row, seeds: Sequence[int]) -> Path:
    """Where a group keeps its checkpoint until its runs are recorded."""
    return results / "runs" / f"{slug(row.title)}-{group_key(row, seeds)}"


def run_group(
    row: Row,
    seeds: Sequence[int],
    machine: Machine,
    results: Path,
    overwrite: bool = False,
    measure: Measure = Measure(),  # noqa: B008 (frozen)
    origin: Mapping[str, Any] | None = None,
) -> None:
    """Train several seeds of a row together; test and record each. See ``runner.run``.

    A seed that diverges is trained again alone, behind the others: so its record says when.
    Seconds and joules of training are shared evenly.

    Raises:
        UserError: for unusable data, devices or folders.
    """
    folder = group_folder(results, row, seeds)
    members = _train(row, seeds, machine, results, folder, measure)
    made = []
    for s, own in enumerate(members):
        if not own.algorithm.diverged:
            _leave_checkpoint(run_folder(results, row, own.seed), folder, s, row, own)
            made.append(record_of(row, own.seed, own.trained(), origin))
    for record in made:
        record["environment"]["population"] = len(seeds)
        records.save(results, record, overwrite=overwrite)
    shutil.rmtree(folder, ignore_errors=True)
    for own in members:
        if own.algorithm.diverged:
            run(row, own.seed, machine, results, overwrite, measure, origin)


@dataclass
class _Member:
    """One seed of a group: what a run of its own has too."""

    seed: int
    trainer: Trainer
    data: Any
    algorithm: Algorithm
    recorder: Recorder
    early: EarlyStop
    alignment: Alignment
    logger: TensorBoardLogger

    @property
    def callbacks(self) -> list[Callback]:
        return [self.recorder, self.early, self.alignment]

    def trained(self) -> Trained:
        return Trained(
            self.trainer,
            self.data,
            self.algorithm,
            self.recorder,
            False,
            self.alignment.points,
            self.early.is_due,
        )


def _train(
    row: Row,
    seeds: Sequence[int],
    machine: Machine,
    results: Path,
    folder: Path,
    measure: Measure,
) -> list[_Member]:
    key, checkpoint = group_key(row, seeds), checkpoint_in(folder)
    recorder = Recorder(group_title(row, seeds))  # of the first, who speaks for all
    with recorder.pulse:
        saving = RunCheckpoint(checkpoint, key, machine.checkpoint_seconds)
        trainer = trainer_for(row, machine, folder, [saving])
        images = data_for(row, seeds[0], trainer)
        members: list[_Member] = []
        for seed in seeds:
            data = copy.copy(images)  # the same images, in the order of the seed
            data.seed = seed
            looks = looks_at(row, measure, Recorder("") if members else recorder)
            logger = TensorBoardLogger(str(run_folder(results, row, seed)), name="", version="")
            algorithm = algorithm_for(row, seed, machine, data)
            members.append(_Member(seed, trainer, data, algorithm, *looks, logger))
        algorithms = [own.algorithm for own in members]
        seats = [Seat(trainer, own.data, own.logger, own is members[0]) for own in members]
        kinds = list(zip(*(own.callbacks for own in members), strict=True))
        trainer.callbacks.insert(0, Each(algorithms, seats, kinds))  # type: ignore[attr-defined]
        fit(
            trainer,
            Population(algorithms),
            to_resume(checkpoint, key),
            recorder,
            train_dataloaders=SideBySide([own.data.train_dataloader() for own in members]),
            val_dataloaders=images.val_dataloader(),
        )
    for own in members:
        own.logger.finalize("success")
        _share(own.recorder, len(seeds))
    return members


def _share(recorder: Recorder, n: int) -> None:
    """Leave a member its part of what ``n`` of them took."""
    for point in recorder.curve:
        point["seconds"] /= n
    if recorder.joules is not None:
        recorder.joules /= n


def _leave_checkpoint(folder: Path, common: Path, s: int, row: Row, own: _Member) -> None:
    """Write what member ``s`` would have left alone, from the checkpoint of all."""
    path = checkpoint_in(folder)
    partial = path.with_suffix(".partial")
    found = torch.load(checkpoint_in(common), map_location="cpu", weights_only=True)
    step, sums = found["in_epoch"]["step"], found["in_epoch"]["sums"][s]
    state = own.algorithm.state_dict()
    found |= {
        "run": run_key(row, own.seed),
        "in_epoch": {"step": step, "processes": [(sums, {})]},
        "state_dict": {name: t.detach().cpu().clone() for name, t in state.items()},
        "optimizer_states": [_part(optimizer, s) for optimizer in found["optimizer_states"]],
        "hparams_name": own.algorithm._hparams_name,
        "hyper_parameters": dict(own.algorithm.hparams),
        "callbacks": {c.state_key: state for c in own.callbacks if (state := c.state_dict())},
    }
    try:
        CheckpointFile().save_checkpoint(found, partial)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def _part(optimizer: dict[str, Any], s: int) -> dict[str, Any]:
    """Member ``s``'s part of an optimizer's state; what has no dimension is everybody's."""

    def own(value: Any) -> Any:
        return value[s].clone() if isinstance(value, torch.Tensor) and value.dim() else value

    state = {p: {k: own(v) for k, v in held.items()} for p, held in optimizer["state"].items()}
    return {**optimizer, "state": state}
