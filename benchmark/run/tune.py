"""Metaparameter search: Optuna's TPE, on the validation split, killed and resumed at will.

A study lives in ``results/tune/<title>-<hash>/``, the hash standing for its start, space, seeds and
search seed. The n-th setting is a function of the settings and results before it and of the search
seed alone; so a study that was killed and resumed is the study that was not.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import warnings
from argparse import Namespace as PlainNamespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna
import yaml
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.samplers import PartialFixedSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from benchmark.errors import UserError
from benchmark.measure import Measure
from benchmark.report.files import write_atomically
from benchmark.run.parse import Names, names_in, parse, read_named, row_parser, seeds_of, to_row
from benchmark.run.row import Row
from benchmark.run.runner import Machine, train
from benchmark.run.space import ends, parse_space, space_text
from benchmark.streams import stream_seed

optuna.logging.set_verbosity(optuna.logging.WARNING)

RANDOM_TRIALS = 6  # before TPE has seen enough to model


class Search:
    """What is searched: a starting row, a space around it, and how a setting is judged.

    Args:
        names: algorithm, dataset and network.
        config: options of the row, as from a config file.
        args: the command line's options of the row.
        space: ``option=range`` texts; empty for the algorithm's own space.
        source: where ``config`` comes from, for messages.

    Raises:
        UserError: for an unknown or ill-typed option, a bad space, or no validation split.
    """

    def __init__(
        self, names: Names, config: dict[str, Any], args: list[str], space: list[str], source: str
    ) -> None:
        self.config, self.args, self.source = config, args, source
        self.parser = row_parser(names)
        self.parser.set_defaults({"seeds": 1})
        options = parse(self.parser, config, args, source)
        self.start_row, self.seeds = to_row(options), seeds_of(options)
        self.machine = Machine(**options.machine.as_dict())
        self.machine.check()
        if self.machine.devices * self.machine.nodes > 1:
            raise UserError("tune runs a trial in one process: leave machine.devices at 1")
        if self.start_row.data.get("val_size") == 0:
            raise UserError("tune chooses on validation accuracy: set --data.val_size above 0")
        self.text = space_text(space, names.algorithm, self.start_row.optim["lr"])
        known = options.as_flat().__dict__
        for key in self.text:
            if key not in known:
                parse(self.parser, config, [*args, f"--{key}=0"], source)  # says which are near
                raise UserError(f"{key} is a group of options: search one of them")
        self.start = {key: known[key] for key in self.text}
        self.space = parse_space(self.text, self.start)
        for key, range_ in self.space.items():
            for value in ends(range_):
                self.row({key: value})

    def row(self, params: dict[str, Any]) -> Row:
        """The starting row with some options set."""
        said = {k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()}
        settings = [f"--{key}={value}" for key, value in said.items()]
        return to_row(parse(self.parser, self.config, [*self.args, *settings], self.source))

    def identity(self, search_seed: int) -> str:
        """12 hex digits that stand for everything that decides which settings are tried."""
        text = json.dumps([self.start_row.hash, self.text, self.seeds, search_seed])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def judge(self, row: Row, runs: Path) -> tuple[float, int]:
        """Validation accuracy (percent) at the last epoch, mean over the seeds; 0 where diverged.

        Returns:
            The accuracy and the number of seeds that diverged.
        """
        accuracies, diverged = [], 0
        for seed in self.seeds:
            trained = train(row, seed, self.machine, runs / f"{row.hash}-s{seed}", Measure(0))
            diverged += trained.diverged
            accuracies.append(0.0 if trained.diverged else trained.recorder.curve[-1]["val_acc"])
        return fmean(accuracies), diverged


def tune(front: PlainNamespace, args: list[str]) -> Path:
    """Search until ``front.trials`` settings are judged; the best one's config file is returned.

    Args:
        front: algorithm, dataset, network, config, trials, space, search_seed, results.
        args: the remaining command line, typed options of the row.
    """
    if front.trials < 1:
        raise UserError(f"trials is {front.trials}: it must be at least 1")
    search = _search(front, args)
    title = f"{search.start_row.title}-{search.identity(front.search_seed)}"
    folder = front.results / "tune" / title
    best = folder / "best.yaml"
    with _alone(folder), _storage(folder / "study.db"):
        study = optuna.create_study(
            storage=f"sqlite:///{folder / 'study.db'}", study_name=title, direction="maximize",
            load_if_exists=True,
        )  # fmt: skip
        for killed in study.get_trials(states=[TrialState.RUNNING]):  # asked for again below
            study.tell(killed.number, state=TrialState.FAIL)
        for n in range(len(_judged(study)), front.trials):
            study.sampler = _sampler(search, front.search_seed, n)
            trial = study.ask(dict(search.space))
            row = search.row(trial.params)
            value, diverged = search.judge(row, folder / "runs")
            study.tell(trial, value)
            _write_best(best, search, study)
            shutil.rmtree(folder / "runs")
            lost = f" ({diverged} diverged)" if diverged else ""
            print(f"trial {n + 1}/{front.trials}: {_said(trial.params)}: {value:.2f}{lost}")
        start, top = _judged(study)[0], study.best_trial
        _write_best(best, search, study)
    print(f"start: validation accuracy {start.value:.2f} with {_said(start.params)}")
    print(f"best:  validation accuracy {top.value:.2f} with {_said(top.params)}")
    return best


def _search(front: PlainNamespace, args: list[str]) -> Search:
    if front.config:
        names, path = names_in(front.config), front.config
    else:
        names = Names(front.algorithm, front.dataset, front.network)
        names.check()
        path = names.default_config
    return Search(names, read_named(names, path), args, front.space, str(path))


def _sampler(search: Search, search_seed: int, n: int) -> optuna.samplers.BaseSampler:
    """Of the n-th setting: TPE with a stream of its own; the start itself comes first."""
    tpe = TPESampler(
        n_startup_trials=RANDOM_TRIALS,
        multivariate=True,
        seed=stream_seed(search_seed, "tune", n) % 2**32,
    )
    if n:
        return tpe
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return PartialFixedSampler(search.start, tpe)


def _judged(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(states=[TrialState.COMPLETE])


def _write_best(path: Path, search: Search, study: optuna.Study) -> None:
    """The best row so far as a complete config."""
    row = search.row(study.best_trial.params).as_record()
    config = {key: value for key, value in row.items() if key != "published" and value != ""}
    head = (
        f"# Best of {len(_judged(study))} settings: validation accuracy {study.best_value:.2f} "
        f"(start: {_judged(study)[0].value:.2f}).\n# Searched: "
        + ", ".join(f"{key} {text}" for key, text in search.text.items())
    )
    write_atomically(path, f"{head}\n{yaml.safe_dump(config, sort_keys=False)}")


def _said(params: dict[str, Any]) -> str:
    return " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in params.items()
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the study's lock; the system lets go of it even after a kill."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("w")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another process is at work on {folder}: wait for it") from None
        yield


@contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise UserError(f"study {path}: {reason}; restore the file or remove it") from error
