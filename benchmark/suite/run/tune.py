"""Metaparameter search: Optuna's TPE, on the validation split, killed and resumed at will.

A study is a record, ``results/tune/<title>-<hash>.json`` (see ``records/studies.py``), the hash
standing for its start, space, seeds and search seed. The n-th setting is a function of the settings
and results before it and of the search seed alone; so a study that was killed and resumed is the
study that was not. The folder beside the record, of the same name, holds what a search needs while
it runs, the trial's checkpoint, and the best setting as a config. Of several commands with one
study the first is at work, the others wait and go on from what it leaves.
"""

from __future__ import annotations

import shutil
import warnings
from argparse import Namespace as PlainNamespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import PartialFixedSampler, TPESampler
from optuna.trial import create_trial

from benchmark.errors import UserError, room_in
from benchmark.streams import stream_seed
from benchmark.suite.records import studies
from benchmark.suite.records.files import write_atomically
from benchmark.suite.rows.choose import choices
from benchmark.suite.run.claims import claim_in_turn
from benchmark.suite.run.environment import now
from benchmark.suite.run.search import Search

optuna.logging.set_verbosity(optuna.logging.WARNING)

RANDOM_TRIALS = 6  # before TPE has seen enough to model


def tune(front: PlainNamespace, args: list[str]) -> Iterator[Path]:
    """Search until ``front.trials`` settings are judged, one algorithm after the other.

    Args:
        front: algorithm, dataset, network, config (see ``choose.choices``), trials, space,
            search_seed, results.
        args: the remaining command line, typed options of the row.

    Yields:
        The best setting's config file.
    """
    chosen = choices(front)
    searches = [Search(c.names, c.config, args, front.space, c.source) for c in chosen]
    for search in searches:
        record = pursue(search, front.trials, front.search_seed, front.results)
        for label, trial in ("start: ", record["trials"][0]), ("best:  ", studies.best(record)):
            setting = _said(trial["setting"])
            print(f"{label}validation accuracy {trial['val_acc']:.2f} with {setting}")
        yield _write_best(front.results, search, record)


def pursue(search: Search, trials: int, search_seed: int, results: Path) -> studies.Study:
    """Go on with a search until ``trials`` settings are judged, and record each.

    Raises:
        UserError: for fewer than one trial, or a broken study.
    """
    if trials < 1:
        raise UserError(f"trials is {trials}: it must be at least 1")
    title = search.title(search_seed)
    folder = results / "tune" / title
    with room_in(results), claim_in_turn(results, title, f"search {title}"):
        record = recorded(search, search_seed, results)
        study = optuna.create_study(direction="maximize")
        for n, old in enumerate(record["trials"]):
            setting, value = old["setting"], old["val_acc"]
            try:
                study.add_trial(
                    create_trial(params=setting, distributions=dict(search.space), value=value)
                )
            except ValueError as error:
                path = studies.path_of(results, title)
                raise UserError(f"{path}: trial {n} is none of this search: {error}") from error
        for n in range(len(record["trials"]), trials):
            study.sampler = _sampler(search, search_seed, n)
            trial = study.ask(dict(search.space))
            row = search.row(trial.params)
            judged = search.judge(row, folder / "runs")
            study.tell(trial, judged.val_acc)
            record["trials"].append(
                {
                    "setting": trial.params,
                    "row_hash": row.hash,
                    **judged._asdict(),
                    "finished": now(),
                }
            )
            studies.save(results, record)
            shutil.rmtree(folder / "runs")
            lost = "" if judged.status == "ok" else f" ({judged.status})"
            print(f"trial {n + 1}/{trials}: {_said(trial.params)}: {judged.val_acc:.2f}{lost}")
    return record


def recorded(search: Search, search_seed: int, results: Path) -> studies.Study:
    """A search's record as it stands: one without trials where there is none yet.

    Raises:
        UserError: it is broken, or of another search.
    """
    title = search.title(search_seed)
    path = studies.path_of(results, title)
    fresh: studies.Study = {
        "schema": studies.SCHEMA,
        "title": title,
        "row": search.start_row.as_record(),
        "space": search.text,
        "seeds": search.seeds,
        "search_seed": search_seed,
        "trials": [],
    }
    if not path.exists():
        return fresh
    known = studies.read(path)
    for key in ("space", "seeds", "search_seed"):
        if known[key] != fresh[key]:
            raise UserError(
                f"{path} is of another search: its {key} is {known[key]}, not {fresh[key]}"
            )
    return known


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


def _write_best(results: Path, search: Search, record: studies.Study) -> Path:
    """The best row so far as a complete config."""
    start, top = record["trials"][0], studies.best(record)
    row = search.row(top["setting"]).as_record()
    config = {key: value for key, value in row.items() if key != "published" and value != ""}
    head = (
        f"# Best of {len(record['trials'])} settings: validation accuracy {top['val_acc']:.2f} "
        f"(start: {start['val_acc']:.2f}).\n# Searched: "
        + ", ".join(f"{key} {text}" for key, text in record["space"].items())
    )
    path = results / "tune" / record["title"] / "best.yaml"
    write_atomically(path, f"{head}\n{yaml.safe_dump(config, sort_keys=False)}")
    return path


def _said(params: Mapping[str, Any]) -> str:
    return " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in params.items()
    )
