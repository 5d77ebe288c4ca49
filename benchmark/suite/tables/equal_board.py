"""The equal-budget board: every rule tuned alike, from studies and records. Without torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmark.suite.records import studies
from benchmark.suite.records.failed import failed
from benchmark.suite.records.files import write_atomically
from benchmark.suite.records.records import Record, by_row, load
from benchmark.suite.tables import plausibility
from benchmark.suite.tables.intervals import Paired, holm, paired, sample_mean, sample_sd
from benchmark.suite.tables.markup import markdown, markdown_table

VARIANT = "equal"  # of the rows and studies of the board
CONV = ("vgg", "hopfield_conv")
COLUMNS = [
    "dataset", "network", "algorithm", "trials", "n_seeds", "n_failed", "val_acc",
    "test_acc_mean", "test_acc_sd", "diff_bp", "diff_ci95", "p_holm", *plausibility.COLUMNS,
]  # fmt: skip
TITLES = {False: "fully connected, 3 x 256", True: "convolutional, 16-32-64"}
TEXT = """\
# The equal-budget board

Generated from `results/tune/` and `results/records/` by `make table PAPER=equal`; do not edit.

Every rule had the same number of trials of a TPE search on validation images, with one seed that is
not among those reported; then its best setting was trained with the seeds counted here. The
networks, the data, the mini-batch and the epochs are the same, and the nonlinearity is searched
(relu or tanh); a rule's optimizer, start and search space are its own (`configs/bench/`,
`configs/tune/`). Rules that settle have the energy network of the same widths (`hopfield`, with
biases, its own nonlinearity, and Adam), rules that sample the network `rbm` (binary units with
biases); they are compared with bp on the network of all others.

- **test accuracy**: percent at the last epoch, mean ± sample standard deviation over the seeds that
  did not fail. Seeds that diverged or ended at chance are counted.
- **minus bp**: mean of the differences seed by seed ± half of its 95 % interval (paired t).
- **p**: of the paired t test, by Holm over the rules of one table.
- **validation**: as test accuracy, on the images that the search chose by.
- **at the edge**: options whose best value lies within 5 % of an end of its range, on the scale of
  the search (log or not): the rule may do better beyond it.
"""
TEXT += plausibility.LEGEND


class Line(NamedTuple):
    """One rule in one table of the board; accuracies in percent, by seed."""

    dataset: str
    network: str
    algorithm: str
    trials: int
    n_seeds: int
    val: dict[int, float]
    test: dict[int, float]
    edges: list[str]
    setting: str
    row_hash: str

    @property
    def table(self) -> tuple[str, bool]:
        """Data set, and whether the network is convolutional."""
        return self.dataset, self.network in CONV


def write_equal(results: Path, only: str | None = None) -> str:
    """Write ``tables/equal.md`` and ``equal.csv``; returns the tables, or that of ``only``.

    Raises:
        UserError: a study or a record is faulty, or a file cannot be written.
    """
    rows, pages = [], {}
    for (dataset, conv), (rules, cells) in tables(studies.load(results), load(results)).items():
        rows += cells
        name = f"{dataset}-conv" if conv else dataset
        pages[name] = f"## {markdown(dataset)}, {TITLES[conv]}\n\n{_page(rules, cells)}\n"
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(results / "tables" / "equal.csv", file.getvalue())
    write_atomically(results / "tables" / "equal.md", "\n".join([TEXT, *pages.values()]))
    return "\n".join(page for name, page in pages.items() if only in (None, name))


def to_readme(results: Path) -> str:
    """Each table in brief, its rules in the order of their validation accuracy; empty for none.

    Raises:
        UserError: a study or a record is faulty.
    """
    parts = []
    for (dataset, conv), (_, cells) in tables(studies.load(results), load(results)).items():
        measured = [cell for cell in cells if cell["test_acc_mean"]]
        ranked = sorted(measured, key=lambda cell: -float(cell["val_acc"] or 0))
        rows = [
            [
                markdown(cell["algorithm"]),
                f"{_spread(cell['test_acc_mean'], cell['test_acc_sd'])} ({cell['n_seeds']})",
                _spread(cell["diff_bp"], cell["diff_ci95"], "+.2f"),
                cell["p_holm"],
            ]
            for cell in ranked
        ]
        table = markdown_table(["rule", "test accuracy", "minus bp", "p"], rows)
        parts.append(f"**{markdown(dataset)}**, {TITLES[conv]}:\n\n{table}")
    return "\n\n".join(parts)


def tables(
    board: Iterable[studies.Study], records: Iterable[Record]
) -> dict[tuple[str, bool], tuple[list[Line], list[dict[str, str]]]]:
    """Data set, and whether the network is convolutional -> the rules, and their COLUMNS."""
    found: dict[tuple[str, bool], list[Line]] = {}
    for line in sorted(lines(board, records), key=_order):
        found.setdefault(line.table, []).append(line)
    return {
        key: (rules, [_cells(rule, *c) for rule, c in zip(rules, _compare(rules), strict=True)])
        for key, rules in found.items()
    }


def lines(board: Iterable[studies.Study], records: Iterable[Record]) -> Iterable[Line]:
    """A line for each rule of the board: of its newest study, with the best setting's records."""
    rows = by_row(records)
    newest: dict[tuple[str, str, str], studies.Study] = {}
    for study in sorted(board, key=lambda study: study["trials"][-1]["finished"]):
        row = study["row"]
        if row.get("variant") == VARIANT:
            names = row["data"]["name"], row["network"]["name"], row["algorithm"]["name"]
            newest[names] = study
    for names, study in newest.items():
        best = studies.best(study)
        seeds = [r for r in rows.get(best["row_hash"], []) if r["seed"] not in study["seeds"]]
        good = [record for record in seeds if not failed(record)]
        yield Line(
            *names,
            len(study["trials"]),
            len(seeds),
            _by_seed(good, "val_acc"),
            _by_seed(good, "test_acc"),
            studies.at_the_edge(study, best),
            _setting(study, best),
            best["row_hash"],
        )


def _by_seed(records: Iterable[Record], metric: str) -> dict[int, float]:
    measured = {record["seed"]: record["metrics"].get(metric) for record in records}
    return {seed: value for seed, value in measured.items() if value is not None}


def _setting(study: studies.Study, best: studies.Trial) -> str:
    """The chosen setting, and how many trials failed."""
    chosen = ", ".join(
        f"{option} {value:.3g}" if isinstance(value, float) else f"{option} {value}"
        for option, value in best["setting"].items()
    )
    lost = sum(trial["status"] != "ok" for trial in study["trials"])
    return f"{chosen}; {lost} of {len(study['trials'])} trials diverged or ended at chance"


def _order(line: Line) -> tuple[str, bool, bool, str]:
    return (*line.table, line.algorithm != "bp", line.algorithm)


def _compare(rules: list[Line]) -> list[tuple[Paired | None, float | None]]:
    """Each rule minus bp, with Holm's p over the rules of one table."""
    bp = next((rule.test for rule in rules if rule.algorithm == "bp"), {})
    pairs = [None if rule.algorithm == "bp" else paired(rule.test, bp) for rule in rules]
    return list(zip(pairs, holm([pair.p if pair else None for pair in pairs]), strict=True))


def _cells(rule: Line, pair: Paired | None, p: float | None) -> dict[str, str]:
    values = list(rule.test.values())
    numbers = {
        "val_acc": sample_mean(list(rule.val.values())),
        "test_acc_mean": sample_mean(values),
        "test_acc_sd": sample_sd(values),
        "diff_bp": pair.difference if pair else None,
        "diff_ci95": pair.half_width if pair else None,
    }
    known = {
        "dataset": rule.dataset,
        "network": rule.network,
        "algorithm": rule.algorithm,
        "trials": str(rule.trials),
        "n_seeds": str(rule.n_seeds),
        "n_failed": str(rule.n_seeds - len(values)),
        "p_holm": "" if p is None else f"{p:.2g}",
    }
    known |= plausibility.plausibility(rule.algorithm)
    return known | {k: "" if v is None else f"{v:.3f}" for k, v in numbers.items()}


def _page(rules: list[Line], cells: list[dict[str, str]]) -> str:
    headers = [
        "rule", *plausibility.COLUMNS, "network", "trials", "seeds (failed)", "validation",
        "test accuracy", "minus bp", "p", "at the edge",
    ]  # fmt: skip
    rows = [
        [
            cell["algorithm"],
            *(cell[column] for column in plausibility.COLUMNS),
            cell["network"],
            cell["trials"],
            f"{cell['n_seeds']} ({cell['n_failed']})",
            _spread(cell["val_acc"], ""),
            _spread(cell["test_acc_mean"], cell["test_acc_sd"]),
            _spread(cell["diff_bp"], cell["diff_ci95"], "+.2f"),
            cell["p_holm"],
            ", ".join(rule.edges),
        ]
        for rule, cell in zip(rules, cells, strict=True)
    ]
    chosen = "\n".join(f"- {markdown(f'{rule.algorithm}: {rule.setting}.')}" for rule in rules)
    rows = [[markdown(cell) for cell in row] for row in rows]
    return f"{markdown_table(headers, rows)}\n\nChosen settings:\n\n{chosen}"


def _spread(mean: str, spread: str, form: str = ".2f") -> str:
    if not mean:
        return ""
    return f"{float(mean):{form}}" + (f" ± {float(spread):.2f}" if spread else "")
