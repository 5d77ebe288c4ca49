"""What a metaparameter search is about: a starting row, a space around it, and a judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from benchmark.errors import UserError
from benchmark.measure import Measure
from benchmark.suite.records.failed import at_chance
from benchmark.suite.records.records import slug
from benchmark.suite.rows.machine import Machine
from benchmark.suite.rows.parse import Names, parse, row_parser, seeds_in, to_row
from benchmark.suite.rows.row import Row
from benchmark.suite.run.environment import environment
from benchmark.suite.run.runner import train
from benchmark.suite.run.space import ends, parse_space, space_text


class Judged(NamedTuple):
    """What a setting was worth: validation accuracy in percent, and ok, diverged or at chance."""

    val_acc: float
    status: str
    environment: dict[str, Any]


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
        self.start_row, self.seeds = to_row(options), seeds_in(options.seeds)
        self.machine = Machine(**options.machine.as_dict())
        self.machine.check()
        self.measure = Measure(**options.measure.as_dict())  # of the chosen row's runs, not here
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
        bounds = zip_longest(*map(ends, self.space.values()))
        for values in bounds:  # those of all options at once: a row takes long to parse
            setting = zip(self.space, values, strict=True)
            self.row({key: value for key, value in setting if value is not None})

    def options(self, setting: Mapping[str, Any]) -> list[str]:
        """A setting as the command line's options."""
        said = {k: v if isinstance(v, str) else json.dumps(v) for k, v in setting.items()}
        return [f"--{key}={value}" for key, value in said.items()]

    def row(self, setting: Mapping[str, Any]) -> Row:
        """The starting row with some options set."""
        args = [*self.args, *self.options(setting)]
        return to_row(parse(self.parser, self.config, args, self.source))

    def title(self, search_seed: int) -> str:
        """The start's title, fit for a file name, and 12 hex digits for all that decides which
        settings are tried."""
        text = json.dumps([self.start_row.hash, self.text, self.seeds, search_seed])
        return f"{slug(self.start_row.title)}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def judge(self, row: Row, runs: Path) -> Judged:
        """Validation accuracy at the last epoch, mean over the seeds; 0 where one diverged.

        Any diverged seed makes the status ``diverged``.
        """
        accuracies, diverged = [], False
        for seed in self.seeds:
            trained = train(row, seed, self.machine, runs / f"{row.hash}-s{seed}", Measure(0))
            diverged |= trained.diverged
            accuracies.append(0.0 if trained.diverged else trained.recorder.curve[-1]["val_acc"])
        data = {"dataset": {"name": row.data["name"], "classes": trained.data.classes}}
        chance = at_chance(data, fmean(accuracies))
        status = "diverged" if diverged else "at chance" if chance else "ok"
        where = environment(trained.algorithm.device, 1, row.precision)
        return Judged(fmean(accuracies), status, where)
