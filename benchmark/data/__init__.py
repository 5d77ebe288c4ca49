"""The data sets, by name."""

from benchmark.data.base import DataModule
from benchmark.data.mnist5k import Mnist5k
from benchmark.data.vision import Cifar10, Cifar100, FashionMnist, Mnist
from benchmark.registry import Registry

DATASETS: Registry[DataModule] = Registry(
    "dataset",
    {cls.name: cls for cls in (Mnist, FashionMnist, Cifar10, Cifar100, Mnist5k)},
)

__all__ = ["DATASETS", "DataModule"]
