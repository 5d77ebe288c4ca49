"""Networks by name. Each is an ordered list of blocks whose fold is the forward pass."""

from benchmark.networks.bartunov import LocalCIFAR, LocalImageNet, LocalMNIST
from benchmark.networks.block import Block, Dropout, Network
from benchmark.networks.conv import DRTPConv, LeNet, PepitaConv
from benchmark.networks.convrnn import ConvRNN, ConvRNNFeedback
from benchmark.networks.hopfield import Hopfield, HopfieldConv
from benchmark.networks.mlp import MLP
from benchmark.networks.rbm import RBM
from benchmark.networks.res_mlp import ResMLP
from benchmark.networks.resnet import ResNet18, ResNet20, ResNet50, ResNet56
from benchmark.networks.vgg import VGG, BioTorchLeNet
from benchmark.networks.wrap import as_network
from benchmark.registry import Registry

NETWORKS: Registry[Network] = Registry(
    "network",
    Network,
    {
        "mlp": MLP,
        "res_mlp": ResMLP,
        "pepita_conv": PepitaConv,
        "drtp_conv": DRTPConv,
        "lenet": LeNet,
        "biotorch_lenet": BioTorchLeNet,
        "vgg": VGG,
        "resnet20": ResNet20,
        "resnet56": ResNet56,
        "resnet18": ResNet18,
        "resnet50": ResNet50,
        "local_mnist": LocalMNIST,
        "local_cifar": LocalCIFAR,
        "local_imagenet": LocalImageNet,
        "hopfield": Hopfield,
        "hopfield_conv": HopfieldConv,
        "rbm": RBM,
        "convrnn": ConvRNN,
        "convrnn_feedback": ConvRNNFeedback,
    },
)

__all__ = ["NETWORKS", "Block", "Dropout", "Network", "as_network"]
