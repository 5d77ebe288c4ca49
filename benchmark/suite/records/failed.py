"""Which runs failed, and how: they diverged, or learned nothing that guessing does not know."""

from __future__ import annotations

from benchmark.suite.records.records import Record

CLASSES = {  # for records that do not say
    "mnist": 10, "mnist5k": 10, "fashion_mnist": 10, "cifar10": 10, "cifar100": 100,
    "imagenet": 1000,
}  # fmt: skip
CHANCE = 1.25  # times the accuracy of guessing, at most, is at chance


def failed(record: Record) -> bool:
    """Whether a run diverged or ended at chance on the test set."""
    accuracy = record["metrics"].get("test_acc")
    return record["status"] == "diverged" or (accuracy is not None and at_chance(record, accuracy))


def at_chance(record: Record, accuracy: float) -> bool:
    """Whether an accuracy on a record's data is one of guessing; False for unknown classes."""
    dataset = record["dataset"]
    classes = dataset.get("classes") or CLASSES.get(dataset["name"])
    return classes is not None and accuracy <= CHANCE * 100 / classes


def failure(record: Record) -> str:
    """How a run failed, in a few words; empty where it did not, or where it cannot be told."""
    if record["status"] == "diverged":
        return f"diverged in epoch {len(record['curve'])} of {record['row']['epochs']}"
    accuracy = record["metrics"].get("test_acc")
    if accuracy is not None and at_chance(record, accuracy):
        return f"ended at chance: test {accuracy:.2f} %"
    return ""
