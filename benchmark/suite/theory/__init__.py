"""Theory beside simulation: each experiment gives numbers (JSON) and one figure."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path

from benchmark.errors import UserError
from benchmark.suite.theory import ep_bptt, fa_linear, teacher_student

EXPERIMENTS = {"ep-bptt": ep_bptt, "teacher-student": teacher_student, "fa-linear": fa_linear}


def main(parser: ArgumentParser, args: list[str]) -> None:
    """Run an experiment and write ``theory/<name>.json`` and ``.png`` in the results folder."""
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args(args)
    experiment = EXPERIMENTS[options.experiment]
    numbers = experiment.run()
    path = options.results / "theory" / f"{options.experiment}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(numbers, indent=1) + "\n")
        experiment.figure(numbers, path.with_suffix(".png"))
    except OSError as error:
        raise UserError(f"cannot write to {options.results}: {error.strerror}") from error
    print(experiment.summary(numbers))
    print(path)
