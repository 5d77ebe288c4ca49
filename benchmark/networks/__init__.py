"""Networks by name. Each is an ordered list of blocks whose fold is the forward pass."""

from benchmark.networks.block import Block, Dropout, Network
from benchmark.networks.conv import LeNet, PepitaConv
from benchmark.networks.hopfield import Hopfield, HopfieldConv
from benchmark.networks.mlp import MLP
from benchmark.registry import Registry

NETWORKS: Registry[Network] = Registry(
    "network",
    {
        "mlp": MLP,
        "pepita_conv": PepitaConv,
        "lenet": LeNet,
        "hopfield": Hopfield,
        "hopfield_conv": HopfieldConv,
    },
)

__all__ = ["NETWORKS", "Block", "Dropout", "Network"]
