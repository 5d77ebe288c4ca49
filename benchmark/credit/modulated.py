"""The two forward passes of PEPITA and its relatives."""

from __future__ import annotations

from typing import Literal

Normalize = Literal["none", "batch", "sample"]
