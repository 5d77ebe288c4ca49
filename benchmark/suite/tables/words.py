"""What a table says, in plain words: the fields of its cells, and the lists below it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.suite.tables.cells import Measured
from benchmark.suite.tables.compared import Compared, Entry

RULES = (
    "Each cell: measured / published / verdict. Both are as the paper prints them, an accuracy or "
    "an error rate in percent; ours is that of the last epoch where nothing else is said.",
    "Measured 98.01 ± 0.09 (5): mean ± sample standard deviation over 5 seeds. (5, 1 failed): one "
    "of the five diverged or ended at chance (an accuracy of at most 1.25 times that of guessing) "
    "and is left out of the mean. Published ±: the paper's own, with the number of its runs where "
    "it says so.",
    "Verdict: from the 95 % interval of the difference measured - published of error rates "
    "(Welch, Satterthwaite's degrees of freedom), widened by half a unit of the last printed "
    "digit: reproduced where it holds 0, else better or worse. A published number without the "
    "number of runs counts as one run; without a deviation, as one run with ours. One seed is "
    "compared only where the paper gives a deviation. failed: half of the seeds or more. short: "
    "trained for fewer epochs than the paper; no number then stands beside the published one. "
    "untested: not run, or one seed and no published deviation.",
    "† the published number is not verified against its source; ‡ the paper's epochs are not "
    "known, the budgets may differ; * the paper reports another statistic, see below.",
)
BRIEF = (
    "Each cell: measured ± sample standard deviation (seeds), published ± the paper's own, "
    "verdict. † not verified; ‡ the paper's epochs are not known; * see below."
)
STATISTIC = {"train_last": "train", "top5_last": "top 5"}
SCOPE = {"test_best_val": "our number is that of the epoch with the best validation accuracy"}
DIFFERENCES = (
    "Differences from bp (test error in points, rule minus bp on the same network, data and "
    "epochs; mean ± half width of the 95 % t interval of the differences seed by seed; p of the "
    "paired t test after Holm over this table)"
)


def fields(entry: Entry) -> tuple[str, str, str]:
    """Measured, published and verdict of a cell."""
    comparison = entry.comparison
    cell, printed, measured = comparison.published, comparison.printed, comparison.measured
    verdict = comparison.verdict + (f" ({comparison.remark})" if comparison.remark else "")
    published = f"{cell.value} ± {cell.std}" if cell.std else cell.value
    published += f" ({cell.n_seeds})" if cell.n_seeds else ""
    published += " †" if cell.status == "unverified" else ""
    published += " *" if printed.paper_used or printed.statistic in SCOPE else ""
    kind = STATISTIC.get(printed.statistic)
    text = _measured(entry, measured) if measured else "-"
    return (f"{kind} {text}" if kind else text), published, verdict


def _measured(entry: Entry, measured: Measured) -> str:
    budget = entry.comparison.budget
    if entry.comparison.verdict == "short":
        return f"{_epochs(entry, measured)} ({_seeds(measured)})"
    text = number(entry, measured)
    if budget is None:
        return f"{text} ‡"
    return text if budget == 1 else f"{text}, {_epochs(entry, measured)}"


def number(entry: Entry, measured: Measured) -> str:
    """``98.01 ± 0.09 (5, 1 failed)``."""
    if measured.mean is None:
        return f"- ({_seeds(measured)})"
    mean = f"{entry.comparison.as_printed(measured.mean):.2f}"
    spread = "" if measured.sd is None else f" ± {measured.sd:.2f}"
    return f"{mean}{spread} ({_seeds(measured)})"


def _seeds(measured: Measured) -> str:
    return str(measured.seeds) + (f", {measured.failed} failed" if measured.failed else "")


def _epochs(entry: Entry, measured: Measured) -> str:
    published = entry.comparison.published.epochs_or_none
    return f"{measured.epochs} {'' if published is None else f'of {published} '}epochs"


def notes(compared: Compared) -> list[tuple[str, list[str]]]:
    """The lists below a table, those that are not empty: title and items."""
    entries = list(compared.entries())
    lists = [
        ("Not reproduced", [text for e in entries if (text := _not_reproduced(e))]),
        ("Other rows tried", [text for e in entries for text in _others(e)]),
        (DIFFERENCES, [text for e in entries if (text := _difference(e))]),
        ("Marked *", _reported(entries)),
    ]
    return [(title, items) for title, items in lists if items]


def _not_reproduced(entry: Entry) -> str:
    comparison, measured = entry.comparison, entry.comparison.measured
    tried = f" Tried: {comparison.printed.tried.rstrip('.')}." if comparison.printed.tried else ""
    head = f"{_label(entry)} ({comparison.published.cell})"
    if comparison.verdict == "failed" and measured is not None:
        return f"{head}: {measured.failed} of {measured.seeds} seeds failed.{tried}"
    interval = comparison.interval
    if comparison.verdict in ("better", "worse") and interval is not None:
        return (
            f"{head}: {comparison.verdict} by {abs(interval.difference):.2f} points of error, "
            f"95 % interval of the difference {interval.low:+.2f} to {interval.high:+.2f}.{tried}"
        )
    return f"{head}: {comparison.verdict}.{tried}" if tried else ""


def _others(entry: Entry) -> list[str]:
    return [
        f"{_label(entry)}: row {other.record['row_hash']}, {_epochs(entry, other)}, "
        f"{other.record['dataset']['train']} images: {number(entry, other)}."
        for other in entry.comparison.others
    ]


def _difference(entry: Entry) -> str:
    pair = entry.pair
    if pair is None:
        return ""
    head = f"{_label(entry)}: {pair.difference:+.2f}"
    if pair.half_width is None or entry.p_holm is None:
        return f"{head} (one seed)."
    return f"{head} ± {pair.half_width:.2f} ({pair.n} seeds), p = {entry.p_holm:.2g}."


def _reported(entries: Sequence[Entry]) -> list[str]:
    """What the paper or we report other than the last epoch, each with its numbers."""
    where: dict[str, list[Entry]] = {}
    for entry in entries:
        printed = entry.comparison.printed
        paper = f"the paper's number: {printed.paper_used}" if printed.paper_used else ""
        if text := "; ".join(filter(None, (paper, SCOPE.get(printed.statistic)))):
            where.setdefault(text, []).append(entry)
    if len(where) == 1:
        return [f"{text}." for text in where]
    return [f"{text} ({'; '.join(map(_label, own))})." for text, own in where.items()]


def _label(entry: Entry) -> str:
    kind = STATISTIC.get(entry.comparison.printed.statistic)
    return f"{entry.label}, {kind}" if kind else entry.label
