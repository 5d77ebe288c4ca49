"""Measurements off the step path: they read a run and change nothing in it."""

from benchmark.measure.alignment import Alignment, Measure

__all__ = ["Alignment", "Measure"]
