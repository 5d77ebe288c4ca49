"""One run: a row with a seed is trained, tested once at the end, and recorded."""

from __future__ import annotations

import hashlib
import logging
import math
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from benchmark.algorithm import Algorithm
from benchmark.engine.checkpoint import CheckpointFile, RunCheckpoint, damaged, to_resume
from benchmark.engine.distributed import LocalDDP, assert_replicas_equal
from benchmark.engine.recorder import Recorder
from benchmark.engine.stop import EarlyStop, Stop
from benchmark.errors import UserError, unwritable
from benchmark.measure import Alignment, Measure
from benchmark.suite.records import records
from benchmark.suite.records.records import slug
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.row import Row, build_algorithm, build_data
from benchmark.suite.run.environment import environment, now

MANY = 0.05  # of the training images, left out of an epoch

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
logging.getLogger("lightning.fabric").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")
warnings.filterwarnings("ignore", module="jsonargparse")


def run_key(row: Row, seed: int) -> str:
    """The name of a run, fit for a file."""
    return f"{row.hash}-s{seed}"


def run_folder(results: Path, row: Row, seed: int) -> Path:
    """Where a run keeps its checkpoint and TensorBoard log."""
    return results / "runs" / f"{slug(row.title)}-{run_key(row, seed)}"


def trainer_for(row: Row, machine: Machine, folder: Path, callbacks: list[Any]) -> Trainer:
    """A Trainer set up for hand-made updates (see LocalDDP), logging to ``folder``."""
    several = machine.devices * machine.nodes > 1
    return Trainer(
        accelerator="gpu" if machine.uses_gpu else "cpu",
        devices=machine.devices,
        num_nodes=machine.nodes,
        strategy=LocalDDP() if several else "auto",
        precision=row.precision,
        max_epochs=row.epochs,
        callbacks=callbacks,
        logger=TensorBoardLogger(str(folder), name="", version=""),
        plugins=[CheckpointFile()],
        enable_checkpointing=True,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        inference_mode=False,
        default_root_dir=str(folder),
    )


class Trained(NamedTuple):
    """A run after training, before any test."""

    trainer: Trainer
    data: Any
    algorithm: Algorithm
    recorder: Recorder
    diverged: bool
    alignment: dict[str, list[list[float]]]
    stopped: bool  # by the row's rule


def train(row: Row, seed: int, machine: Machine, folder: Path, measure: Measure) -> Trained:
    """Train one row with one seed; resume from the checkpoint in ``folder`` if there is one.

    Raises:
        UserError: for unusable data, devices or folders.
    """
    recorder = Recorder(f"{row.title} seed {seed}")
    with recorder.pulse:
        return _train(row, seed, machine, folder, measure, recorder)


def _train(
    row: Row, seed: int, machine: Machine, folder: Path, measure: Measure, recorder: Recorder
) -> Trained:
    looks = _, early, alignment = looks_at(row, measure, recorder)
    name, checkpoint = run_key(row, seed), checkpoint_in(folder)
    saving = RunCheckpoint(checkpoint, name, machine.checkpoint_seconds)
    trainer = trainer_for(row, machine, folder, [*looks, saving])
    data = data_for(row, seed, trainer)
    algorithm = algorithm_for(row, seed, machine, data)
    if trainer.world_size > 1:
        recorder.pulse.at = f"waiting for {trainer.world_size} processes to start"
    fit(trainer, algorithm, to_resume(checkpoint, name), recorder, datamodule=data)
    if trainer.world_size > 1:
        assert_replicas_equal(algorithm)
    diverged = algorithm.diverged or not all(math.isfinite(p["train_loss"]) for p in recorder.curve)
    return Trained(trainer, data, algorithm, recorder, diverged, alignment.points, early.is_due)


def checkpoint_in(folder: Path) -> Path:
    """A run's checkpoint, in its folder, which is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(f"to {folder}", error) from error
    return folder / "last.ckpt"


def looks_at(
    row: Row, measure: Measure, recorder: Recorder
) -> tuple[Recorder, EarlyStop, Alignment]:
    """The callbacks that look at a run as it trains, in their order."""
    early = EarlyStop(Stop(**row.stop) if row.stop else None, recorder)
    return recorder, early, Alignment(measure.period(row.epochs), measure.steps)


def data_for(row: Row, seed: int, trainer: Trainer) -> Any:
    """A run's data, read and split."""
    data = build_data(row, seed)
    data.trainer = trainer
    data.prepare_data()
    data.setup("fit")
    if data.left_out > MANY * data.sizes["train"]:
        rank_zero_only(print)(
            f"{row.title}: {data.left_out} of {data.sizes['train']} training images, others each "
            f"epoch, fill no mini-batch of {data.batch_size} and are left out",
            file=sys.stderr,
        )
    return data


def algorithm_for(row: Row, seed: int, machine: Machine, data: Any) -> Algorithm:
    """A run's algorithm, as it begins."""
    algorithm = build_algorithm(row, seed, data.shape, data.classes)
    algorithm.replay, algorithm.logs = machine.replay, False  # the recorder logs
    # Before a checkpoint is loaded, which Lightning would round to float32.
    return algorithm.double() if row.precision == "64-true" else algorithm


def fit(
    trainer: Trainer, learner: Any, resumed: Path | None, recorder: Recorder, **data: Any
) -> None:
    """Train, from the checkpoint ``resumed`` if there is one.

    Raises:
        UserError: what that holds is not what a run of this version restores.
    """
    try:
        trainer.fit(learner, ckpt_path=resumed, **data)
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):  # Lightning makes it an exit with 1
            raise KeyboardInterrupt from stop
        raise
    except Exception as error:
        if resumed and not recorder.training and not isinstance(error, UserError):
            raise damaged(resumed) from error  # it could not be restored
        raise


def run(
    row: Row,
    seed: int,
    machine: Machine,
    results: Path,
    overwrite: bool = False,
    measure: Measure = Measure(),  # noqa: B008 (frozen)
    origin: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train, test and record one row with one seed; resume from its checkpoint if there is one.

    Args:
        origin: the config file and the options that made the row, for the record.

    Returns:
        The record, as written to ``results/records`` by the first process.

    Raises:
        UserError: for unusable data, devices or folders.
    """
    trained = train(row, seed, machine, run_folder(results, row, seed), measure)
    record = record_of(row, seed, trained, origin)
    if trained.trainer.is_global_zero:
        records.save(results, record, overwrite=overwrite)
    return record


def record_of(
    row: Row, seed: int, trained: Trained, origin: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Test what was trained, and write its record."""
    trainer, data, algorithm, recorder, diverged, alignment, stopped = trained
    weights = weights_sha256(algorithm)
    metrics = final_metrics(trainer, algorithm, data, recorder, diverged)
    return {
        "schema": 1,
        "row": row.as_record(),
        "identity": row.identity,
        "row_hash": row.hash,
        "seed": seed,
        "origin": dict(origin or {}),
        "status": "diverged" if diverged else "ok",
        "epochs_trained": len(recorder.curve),
        "ended_by": "divergence" if diverged else "stop" if stopped else "epochs",
        "dataset": {
            "name": row.data["name"],
            "sha256": data.sha256,
            "classes": data.classes,
            **data.sizes,
        },
        "metrics": metrics,
        "curve": recorder.curve,
        "alignment": alignment,
        "cost": {
            "seconds": round(recorder.seconds, 3),
            "samples_per_second": round(
                len(recorder.curve)
                * data.steps_per_epoch
                * row.data["batch_size"]
                / recorder.seconds,
                1,
            ),
            "peak_memory_mb": recorder.peak_memory_mb,
            **({} if recorder.joules is None else {"joules": round(recorder.joules, 1)}),
            "parameters": sum(p.numel() for p in algorithm.parameters()),
        },
        "environment": environment(algorithm.device, trainer.world_size, row.precision),
        "weights_sha256": weights,
        "finished": now(),
    }


def final_metrics(
    trainer: Trainer, algorithm: Algorithm, data: Any, recorder: Recorder, diverged: bool
) -> dict[str, Any]:
    """Metrics of the last epoch; only here is the test set used, and it selects nothing."""
    if diverged:
        return {}
    metrics = {k: v for k, v in recorder.curve[-1].items() if k not in ("epoch", "seconds")}
    _test(trainer, algorithm, data, recorder)
    metrics |= {f"test_{name}": value for name, value in algorithm.evaluated.items()}
    if best := recorder.best_epoch:
        metrics |= {"best_val_acc": best["val_acc"], "best_epoch": best["epoch"]}
        metrics["test_acc_at_best_val"] = metrics["test_acc"]
        if best["epoch"] != len(recorder.curve):
            algorithm.load_state_dict(recorder.best)
            _test(trainer, algorithm, data, recorder)
            metrics["test_acc_at_best_val"] = algorithm.evaluated["acc"]
    return metrics


def _test(trainer: Trainer, algorithm: Algorithm, data: Any, recorder: Recorder) -> None:
    with recorder.pulse:
        trainer.test(algorithm, dataloaders=data.test_dataloader(), verbose=False)


def weights_sha256(module: torch.nn.Module) -> str:
    """Checksum of all parameters and buffers, in order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
