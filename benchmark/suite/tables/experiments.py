"""Tables of the suite's own experiments: recurrence in inference, and frames of video."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from benchmark.suite.records.counted import Counted
from benchmark.suite.records.failed import failed
from benchmark.suite.records.labels import network_key, network_labels
from benchmark.suite.records.records import Record, by_row
from benchmark.suite.tables.intervals import paired, sample_mean, sample_sd
from benchmark.suite.tables.markup import markdown, markdown_table

CONFIDENT = "conf90"  # of the thresholds that a record has


class Row(NamedTuple):
    """The runs of one row; accuracies in percent, by seed, without those that failed."""

    records: list[Record]
    test: dict[int, float]

    @property
    def name(self) -> str:
        """Its rule, and its variant where it has one."""
        row = self.records[0]["row"]
        return row["algorithm"]["name"] + (f" ({row['variant']})" if row.get("variant") else "")

    def mean(self, metric: str) -> float | None:
        """Over the seeds that did not fail; None where a record lacks it."""
        values = [r["metrics"].get(metric) for r in self.records if not failed(r)]
        return sample_mean(values) if values and None not in values else None


def recurrence(records: Iterable[Record]) -> str:
    """Rows of ``configs/convrnn``: networks of one size that look once, or several times."""
    rows = _rows(records, "convrnn")
    labels = network_labels(record for row in rows for record in row.records)
    reference = next((r for r in rows if _cell(r) == "time_decay"), None)
    heads = [
        "network", "parameters", "test accuracy", "minus time decay", "after each step",
        "answers when 90 % sure",
    ]  # fmt: skip
    lines = []
    for row in rows:
        steps = [row.mean(f"test_acc_step{t}") for t in range(1, 10)]
        sure = row.mean(f"test_acc_{CONFIDENT}"), row.mean(f"test_steps_{CONFIDENT}")
        lines.append([
            markdown(f"{labels[network_key(row.records[0])]} {_cell(row)}".replace("_", " ")),
            f"{row.records[0]['cost']['parameters']:,}",
            _accuracy(row), _difference(row, reference),
            ", ".join(f"{acc:.1f}" for acc in steps if acc is not None),
            "" if None in sure else f"{sure[0]:.1f} after {sure[1]:.2f} steps",
        ])  # fmt: skip
    return markdown_table(heads, lines) if lines else ""


def video(records: Iterable[Record], costs: Mapping[str, Counted]) -> str:
    """Rows of ``configs/moving``: the error in the next frame, or in a second pass."""
    tables = []
    for dataset, rows in _by_dataset(_rows(records, "moving")).items():
        pepita = {_rate(r): r for r in rows if r.name.split(" ")[0] == "pepita"}
        heads = [
            dataset.replace("_", " "), "rate", "epochs", "MFLOP a frame", "TFLOP in all",
            "test accuracy", "minus pepita",
        ]  # fmt: skip
        lines = []
        for row in rows:
            first = row.records[0]
            cost, epochs = costs.get(first["row_hash"]), first["row"]["epochs"]
            lines.append([
                markdown(row.name), _rate(row), str(epochs),
                f"{cost.flops / cost.batch_size / 1e6:.2f}" if cost else "",
                f"{cost.total(epochs) / 1e12:.2f}" if cost else "",
                _accuracy(row), _difference(row, pepita.get(_rate(row))),
            ])  # fmt: skip
        tables.append(markdown_table(heads, lines))
    return "\n\n".join(tables)


def _rows(records: Iterable[Record], folder: str) -> list[Row]:
    """Rows that were run from configs in a folder of this name, best first."""
    of_folder = [r for r in records if _folder(r) == folder]
    rows = [
        Row(group, {r["seed"]: r["metrics"]["test_acc"] for r in group if not failed(r)})
        for group in by_row(of_folder).values()
    ]
    return sorted(rows, key=lambda row: -(sample_mean([*row.test.values()]) or 0.0))


def _folder(record: Record) -> str:
    config = (record.get("origin") or {}).get("config") or ""
    return PurePosixPath(config).parent.name


def _by_dataset(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.records[0]["dataset"]["name"], []).append(row)
    return found


def _cell(row: Row) -> str:
    """The recurrent cell of its network, if it has one."""
    return row.records[0]["row"]["network"].get("cell", "")


def _rate(row: Row) -> str:
    """How its learning rate goes on."""
    return row.records[0]["row"]["optim"].get("schedule") or "constant"


def _accuracy(row: Row) -> str:
    lost = len(row.records) - len(row.test)
    counts = f"({len(row.records)}, {lost} failed)" if lost else f"({len(row.records)})"
    values = [*row.test.values()]
    mean, sd = sample_mean(values), sample_sd(values)
    if mean is None:
        return f"- {counts}"
    return f"{mean:.2f} {counts}" if sd is None else f"{mean:.2f} ± {sd:.2f} {counts}"


def _difference(row: Row, reference: Row | None) -> str:
    found = paired(row.test, reference.test) if reference and reference is not row else None
    if found is None:
        return ""
    width = "" if found.half_width is None else f" ± {found.half_width:.2f}"
    return f"{found.difference:+.2f}{width}"
