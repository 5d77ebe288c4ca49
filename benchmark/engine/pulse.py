"""A sign of life where one thing takes long: a step, an evaluation, other processes to wait for."""

from __future__ import annotations

import sys
import time
from threading import Event, Thread
from types import TracebackType

from tqdm import tqdm

from benchmark.engine.ranks import is_first

EVERY = 30.0  # seconds without a word


class Pulse:
    """Says on stderr what is at work, where nothing was said for a while, once for all processes.

    Args:
        title: of the run.
        mute: whether somebody else speaks for it.

    Attributes:
        at: what is at work, to be set at any time.
    """

    def __init__(self, title: str, mute: bool = False) -> None:
        self.title, self.mute, self.at = title, mute, "preparing the data"
        self.spoke()

    def spoke(self) -> None:
        """Something was said."""
        self._spoken = time.monotonic()

    def __enter__(self) -> Pulse:
        self._began = time.monotonic()
        self._end = Event()
        self.spoke()
        if is_first() and not self.mute:
            Thread(target=self._beat, args=(self._end,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()

    def _beat(self, end: Event) -> None:
        while not end.wait(max(0.0, self._spoken + EVERY - time.monotonic())):
            if time.monotonic() >= self._spoken + EVERY:
                minutes = (time.monotonic() - self._began) / 60
                text = f"{self.title}: {self.at}, {minutes:.1f} min so far"
                tqdm.write(text, file=sys.stderr)
                self.spoke()
