"""A printed number beside what was measured, and the verdict. All values are error rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from benchmark.errors import UserError
from benchmark.suite.records.failed import at_chance, failed
from benchmark.suite.records.published import Cell, lookup
from benchmark.suite.records.records import Record, by_row, newest
from benchmark.suite.tables.intervals import sample_mean, sample_sd
from benchmark.suite.tables.manifest import Printed
from benchmark.suite.tables.statistics import Interval, from_published

Verdict = Literal["reproduced", "better", "worse", "failed", "short", "untested"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

METRIC = {  # statistic -> the accuracy in a record's metrics
    "test_last": "test_acc",
    "test_best_val": "test_acc_at_best_val",
    "train_last": "train_acc",
    "top5_last": "test_acc_top5",
}
PUBLISHED = {  # statistic -> what the paper must report for it to be set beside
    "test_last": ("test_acc", "test_err"),
    "test_best_val": ("test_acc", "test_err"),
    "train_last": ("train_acc", "train_err"),
    "top5_last": ("test_acc_top5", "test_err_top5"),
}


@dataclass(frozen=True)
class Measured:
    """One row of ours, over its seeds.

    Attributes:
        record: the newest of them.
        seeds: how many were run.
        failed: those of them that diverged or ended at chance.
        errors: seed -> error rate in percent, of those that did not fail and measured it.
    """

    record: Record
    seeds: int
    failed: int
    errors: Mapping[int, float]

    @property
    def epochs(self) -> int:
        return self.record["row"]["epochs"]

    @property
    def mean(self) -> float | None:
        return sample_mean(list(self.errors.values()))

    @property
    def sd(self) -> float | None:
        """Sample standard deviation over the seeds, None for fewer than two."""
        return sample_sd(list(self.errors.values()))


@dataclass(frozen=True)
class Comparison:
    """A printed number beside the row that measures it.

    Attributes:
        printed: the number's place in the manifest.
        published: what the paper says.
        measured: the row that stands in the table, None where there is none.
        others: other rows that were tried for it.
        verdict: see ``judge``.
        interval: 95 % interval of measured - published in error-rate points, where there is one.
        remark: what the verdict leaves out, such as ``one seed``.
    """

    printed: Printed
    published: Cell
    measured: Measured | None
    others: tuple[Measured, ...]
    verdict: Verdict
    interval: Interval | None
    remark: str

    @property
    def budget(self) -> float | None:
        """The measured row's epochs as a fraction of the published ones, None where unknown."""
        if self.measured is None or self.published.epochs_or_none is None:
            return None
        return self.measured.epochs / self.published.epochs_or_none

    def as_printed(self, error: float) -> float:
        """An error rate in the paper's own metric, an accuracy or an error rate."""
        return 100 - error if "_acc" in self.published.metric else error


def rows_by_cell(records: Iterable[Record]) -> dict[str, list[list[Record]]]:
    """Published id -> the rows that name it, each with the records of its seeds.

    Raises:
        UserError: records of one row were made on different data.
    """
    rows: dict[str, list[list[Record]]] = {}
    for group in by_row(records).values():
        if cell := newest(group)["row"].get("published"):
            rows.setdefault(cell, []).append(group)
    return rows


def compare(printed: Printed, rows: Mapping[str, list[list[Record]]]) -> Comparison:
    """A printed number beside the row that names it.

    Of several, the one with the largest budget, then with the most training images, then the
    newest; the others are kept as tried.

    Args:
        printed: the number.
        rows: as ``rows_by_cell`` gives them.
    """
    cell = lookup(printed.cell)
    published = published_error(cell, printed.statistic)
    known = [measure(group, printed.statistic, published) for group in rows.get(printed.names, [])]
    known.sort(key=_rank, reverse=True)
    measured = known[0] if known else None
    verdict, interval, remark = judge(cell, published, measured)
    if measured is None and not printed.config:
        remark = "no config"
    return Comparison(printed, cell, measured, tuple(known[1:]), verdict, interval, remark)


def _rank(measured: Measured) -> tuple[int, int, str, str]:
    record = measured.record
    return measured.epochs, record["dataset"]["train"], record["finished"], record["row_hash"]


def published_error(cell: Cell, statistic: str) -> float | None:
    """The published error rate, None where the number is none of this statistic (see there)."""
    if cell.metric not in PUBLISHED[statistic]:
        return None
    try:
        return cell.error
    except UserError:  # a range
        return None


def measure(group: list[Record], statistic: str, published: float | None = None) -> Measured:
    """A row's seeds by one statistic.

    Args:
        group: the records of the row.
        statistic: one of ``METRIC``.
        published: the published error rate; where that is at chance itself, ours may be too.
    """
    chance = published is not None and at_chance(group[0], 100 - published)
    lost = [r for r in group if (r["status"] == "diverged" if chance else failed(r))]
    metrics = {r["seed"]: r["metrics"] for r in group if r not in lost}
    values = {seed: metrics[seed].get(METRIC[statistic]) for seed in sorted(metrics)}
    errors = {seed: 100 - value for seed, value in values.items() if value is not None}
    return Measured(newest(group), len(group), len(lost), errors)


def judge(
    cell: Cell, published: float | None, measured: Measured | None
) -> tuple[Verdict, Interval | None, str]:
    """Verdict, interval of the difference in error-rate points, and a remark.

    ``short`` below the published budget; ``failed`` where half or more of the seeds failed; else by
    the 95 % interval of measured - published (see ``from_published``), widened by half a unit of
    the last digit that the paper prints: ``reproduced`` where it holds 0, else ``better`` (a lower
    error) or ``worse``; ``untested`` where there is no interval.
    """
    if measured is None:
        return "untested", None, ""
    if cell.epochs_or_none is not None and measured.epochs < cell.epochs_or_none:
        return "short", None, ""
    if 2 * measured.failed >= measured.seeds:
        return "failed", None, ""
    if published is None:
        return "untested", None, "no single rate published"
    errors = list(measured.errors.values())
    if not errors:
        return "untested", None, "not measured"
    interval = from_published(errors, published, cell.std_or_none, cell.n_or_none)
    remark = "one seed" if len(errors) == 1 else ""
    if interval is None:
        return "untested", None, remark
    interval = Interval(interval.difference, interval.half_width + _rounding(cell.value))
    if interval.low <= 0 <= interval.high:
        return "reproduced", interval, remark
    return "better" if interval.high < 0 else "worse", interval, remark


def _rounding(value: str) -> float:
    """Half a unit of the last printed digit."""
    return 0.5 * 10.0 ** -len(value.partition(".")[2])
