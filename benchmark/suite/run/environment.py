"""What a record says about the code, the software and the machine that made it."""

from __future__ import annotations

import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightning
import numpy
import torch
import torchvision

from benchmark import __version__
from benchmark.suite.records.places import CHECKOUT


def _git(*args: str) -> str | None:
    """Git's answer about the checkout; None where the code lies in none, but is installed."""
    if CHECKOUT is None or not (CHECKOUT / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", str(CHECKOUT), *args], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _blas() -> str:
    """The library of torch's matrix products on CPUs, with its version where torch tells it."""
    built = torch.__config__.show()
    mkl = re.search(r"Math Kernel Library Version (\S+)", built)
    info = re.search(r"BLAS_INFO=(\w+)", built)
    return f"mkl {mkl[1]}" if mkl else info[1] if info else "unknown"


def environment(device: torch.device, world_size: int, precision: str) -> dict[str, Any]:
    """Commit, versions, device: what the last bits of a result depend on.

    ``dirty`` is true when tracked source differs from the commit; without a commit the package's
    ``version`` stands in. ``instruction_set`` is what torch's CPU kernels use, ``blas`` the library
    of its matrix products.
    """
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", "benchmark", "configs")
    return {
        "commit": commit,
        **({} if commit else {"version": __version__}),
        "dirty": None if changes is None else bool(changes),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": numpy.__version__,
        "lightning": lightning.__version__,
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name(),
        "world_size": world_size,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "blas": _blas(),
        "threads": torch.get_num_threads(),
        "precision": precision,
    }


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
