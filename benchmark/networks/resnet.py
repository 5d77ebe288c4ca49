"""Residual networks: the CIFAR family of He et al. 2016, and torchvision's ImageNet models."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from benchmark.networks.block import Block, Network, Shape
from benchmark.networks.init import Init

Shortcut = Literal["pad", "conv"]


class PadShortcut(nn.Module):
    """Option A: every second position, and zeros for the channels that are new."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        new = out_channels - channels
        self.stride, self.pads = stride, (0, 0, 0, 0, new // 2, new - new // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], self.pads)


def conv3x3(n_in: int, n_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)


class ResidualBlock(nn.Module):
    """relu(shortcut(x) + bn(conv(relu(bn(conv(x)))))): one credit unit of two synapses."""

    def __init__(self, n_in: int, n_out: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(n_in, n_out, stride), nn.BatchNorm2d(n_out)
        self.conv2, self.bn2 = conv3x3(n_out, n_out), nn.BatchNorm2d(n_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = PadShortcut(n_in, n_out, stride)
            if shortcut == "conv":
                conv = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
                self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.shortcut(x))


class ResNet20(Network):
    """CIFAR ResNet-20 (He et al. 2016): 3 stages of 3 residual blocks, 16, 32 and 64 channels."""

    stage_blocks = 3

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        shortcut: Shortcut = "pad",
        init: Init = "xavier_uniform",
    ) -> None:
        """
        Args:
            shortcut: where the shape changes: zero-padded identity (option A) or 1x1 convolution.
            init: initial forward weights.
        """
        stem = nn.Sequential(conv3x3(in_shape[0], 16), nn.BatchNorm2d(16), nn.ReLU())
        blocks: list[nn.Module] = [stem]
        n_in = 16
        for n_out in (16, 32, 64):
            for k in range(self.stage_blocks):
                stride = 2 if k == 0 and n_out > 16 else 1
                blocks.append(ResidualBlock(n_in, n_out, stride, shortcut))
                n_in = n_out
        blocks.append(head(64, classes))
        super().__init__(in_shape, blocks)
        self.initialize(init, generator)


class ResNet56(ResNet20):
    """CIFAR ResNet-56 (He et al. 2016): 3 stages of 9 residual blocks."""

    stage_blocks = 9


def head(channels: int, classes: int) -> Block:
    """Global average pooling and a linear layer."""
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Block(nn.Linear(channels, classes), reshape=pool)


class ResNet18(Network):
    """torchvision's ResNet-18, cut into stem, residual blocks and head."""

    model = staticmethod(torchvision.models.resnet18)

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        generator: torch.Generator,
        *,
        init: Init = "he_normal",
    ) -> None:
        """
        Args:
            init: initial forward weights.
        """
        model = self.model(num_classes=classes)
        if in_shape[0] != 3:
            model.conv1 = nn.Conv2d(in_shape[0], 64, 7, stride=2, padding=3, bias=False)
        stem = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)
        stages = (model.layer1, model.layer2, model.layer3, model.layer4)
        residual = [block for stage in stages for block in stage]
        super().__init__(in_shape, [stem, *residual, head(model.fc.in_features, classes)])
        self.initialize(init, generator)


class ResNet50(ResNet18):
    """torchvision's ResNet-50, cut into stem, residual blocks and head."""

    model = staticmethod(torchvision.models.resnet50)
