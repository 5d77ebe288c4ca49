"""A PyTorch Lightning benchmark of the alternatives to backpropagation."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.algorithm import Algorithm, Credit
    from benchmark.algorithms import ALGORITHMS
    from benchmark.data import DATASETS
    from benchmark.networks import NETWORKS, as_network

__version__ = "0.1.0"
__all__ = ["ALGORITHMS", "DATASETS", "NETWORKS", "Algorithm", "Credit", "as_network"]

_FROM = {
    "ALGORITHMS": "benchmark.algorithms",
    "Algorithm": "benchmark.algorithm",
    "Credit": "benchmark.algorithm",
    "DATASETS": "benchmark.data",
    "NETWORKS": "benchmark.networks",
    "as_network": "benchmark.networks",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the command line has work that needs no PyTorch."""
    from importlib import import_module

    if name not in _FROM:
        raise AttributeError(f"module 'benchmark' has no attribute {name!r}")
    return getattr(import_module(_FROM[name]), name)
