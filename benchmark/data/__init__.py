"""The data sets, by name."""

from benchmark.data.base import DataModule
from benchmark.data.folder import Folder
from benchmark.data.imagenet import ImageNet
from benchmark.data.mnist5k import Mnist5k
from benchmark.data.moving import MovingCifar10, MovingMnist, MovingMnist5k
from benchmark.data.parquet import Parquet
from benchmark.data.vision import Cifar10, Cifar100, FashionMnist, Mnist
from benchmark.registry import Registry

DATASETS: Registry[DataModule] = Registry(
    "dataset",
    DataModule,
    {
        "mnist": Mnist,
        "fashion_mnist": FashionMnist,
        "cifar10": Cifar10,
        "cifar100": Cifar100,
        "imagenet": ImageNet,
        "mnist5k": Mnist5k,
        "moving_mnist": MovingMnist,
        "moving_cifar10": MovingCifar10,
        "moving_mnist5k": MovingMnist5k,
        "folder": Folder,
        "parquet": Parquet,
    },
)

__all__ = ["DATASETS", "DataModule"]
