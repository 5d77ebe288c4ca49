"""How a run failed, in words; which runs did is for ``report.failed`` to say."""

from __future__ import annotations

from benchmark.report.failed import at_chance
from benchmark.report.records import Record


def failure(record: Record) -> str:
    """How a run failed, in a few words; empty where it did not, or where it cannot be told."""
    if record["status"] == "diverged":
        return f"diverged in epoch {len(record['curve'])} of {record['row']['epochs']}"
    accuracy = record["metrics"].get("test_acc")
    if accuracy is not None and at_chance(record, accuracy):
        return f"ended at chance: test {accuracy:.2f} %"
    return ""
