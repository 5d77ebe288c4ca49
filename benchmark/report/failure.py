"""Runs that learned nothing: those that diverged, and those that end at chance."""

from __future__ import annotations

import math

from benchmark.report.records import Record


def failure(record: Record) -> str:
    """How a run failed, in a few words; empty where it did not, or where it cannot be told."""
    if record["status"] == "diverged":
        return f"diverged in epoch {len(record['curve'])} of {record['row']['epochs']}"
    classes, accuracy = record["dataset"].get("classes"), record["metrics"].get("test_acc")
    if classes and accuracy is not None and accuracy <= chance(classes, record["dataset"]["test"]):
        return f"ended at chance: test {accuracy:.2f} %, {classes} classes"
    return ""


def chance(classes: int, images: int) -> float:
    """Up to this test accuracy, in percent, a run has learned nothing.

    1 in ``classes`` and three binomial standard errors of it on ``images``, and not less than 1.2
    in ``classes``: who always names the most frequent digit is right for 11.35 % of MNIST.
    """
    p = 1 / classes
    return 100 * max(1.2 * p, p + 3 * math.sqrt(p * (1 - p) / images))
