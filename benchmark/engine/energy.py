"""Energy that the machine has used, where it tells: counters of CPU packages and of a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch

POWERCAP = Path("/sys/class/powercap")  # Linux: RAPL of Intel and AMD, often for root alone


class Counter(NamedTuple):
    """Joules since some moment; they begin anew at ``wraps`` joules, if that is known."""

    read: Callable[[], float]
    wraps: float | None = None


class EnergyMeter:
    """Joules used from one look to the next, by the CPU packages and the GPU of a run.

    The counters count all that runs on the machine: the numbers are a run's own where it is alone.

    Args:
        counters: see :func:`counters`; where there are none, ``knows`` is False.
    """

    def __init__(self, counters: list[Counter]) -> None:
        self.counters = counters
        self._last = [counter.read() for counter in counters]

    @property
    def knows(self) -> bool:
        return bool(self.counters)

    def lap(self) -> float:
        """Joules since the last look, which must be less than a counter's whole range ago."""
        now = [counter.read() for counter in self.counters]
        used = 0.0
        for counter, before, after in zip(self.counters, self._last, now, strict=True):
            used += after - before + (counter.wraps or 0.0) * (after < before)
        self._last = now
        return used


def counters(device: torch.device, powercap: Path = POWERCAP) -> list[Counter]:
    """Those that can be read here: RAPL's packages, and NVML's GPU where a run has one."""
    return [*_packages(powercap), *_gpu(device)]


def _packages(powercap: Path) -> Iterator[Counter]:
    """A zone without a second colon is a package; those below it are parts of it."""
    for zone in sorted(powercap.glob("intel-rapl:*")):
        with suppress(OSError, ValueError):
            if zone.name.count(":") == 1:
                counter = Counter(lambda file=zone / "energy_uj": int(file.read_text()) / 1e6)  # type: ignore[misc]
                counter.read()  # refused here, if at all
                yield counter._replace(wraps=int((zone / "max_energy_range_uj").read_text()) / 1e6)


def _gpu(device: torch.device) -> Iterator[Counter]:
    if device.type != "cuda":
        return
    try:
        import pynvml
    except ImportError:
        return
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        counter = Counter(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3)
        counter.read()
        yield counter
