"""Forward-Forward: goodness, its local losses, labels as inputs, and negative data."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.options import NotNegative, Positive, options

Length = Literal["rms", "l2", "none"]


@options
class Goodness:
    """Goodness of a layer, and what it is compared with.

    Attributes:
        kind: sum or mean of the squared activities.
        threshold: theta, per unit: times the number of units for the sum.
        peer: strength of peer normalization, which keeps units from going silent.
    """

    kind: Literal["sum", "mean"] = "sum"
    threshold: NotNegative = 1.0
    peer: NotNegative = 0.0

    def __call__(self, h: Tensor) -> Tensor:
        """Goodness of activities ``[N, ...]``, as ``[N]``."""
        squares = h.flatten(1).square()
        return squares.sum(1) if self.kind == "sum" else squares.mean(1)

    def loss(self, h: Tensor, g: Tensor) -> Tensor:
        """The layer's loss, for activities ``h`` with goodness ``g``.

        Args:
            h: ``[2 N, ...]``, those for positive data first, then those for negative data.
            g: ``self(h)``.
        """
        positive, negative = g.chunk(2)
        theta = self.threshold * (h[0].numel() if self.kind == "sum" else 1)
        loss = contrast(positive, negative, theta)
        return loss + self.peer * peer_loss(h[: len(h) // 2]) if self.peer else loss


@options
class Label:
    """How images show labels.

    Attributes:
        kind: ``pixels`` replaces the image's first pixels by the one-hot label; ``waves`` adds a
            plane wave over the whole image, a different one for each label (for conv nets).
        scale: brightness.
    """

    kind: Literal["pixels", "waves"] = "pixels"
    scale: Positive = 1.0


def contrast(positive: Tensor, negative: Tensor, theta: float) -> Tensor:
    """Mean cross-entropy of telling positive from negative data: P(positive) = sigma(g - theta)."""
    return (F.softplus(theta - positive).mean() + F.softplus(negative - theta).mean()) / 2


def peer_loss(h: Tensor) -> Tensor:
    """Variance over a layer's units of their mean activities: keeps units from going silent."""
    means = h.flatten(1).mean(0)
    return (means - means.mean()).square().mean()


def same_length(h: Tensor, how: Length = "rms") -> Tensor:
    """Activities scaled to a root mean square (or a Euclidean norm) of 1, so that only their
    direction goes on to the next layer: the goodness of a layer is hidden from those above."""
    if how == "none":
        return h
    flat = h.flatten(1)
    scale = math.sqrt(flat.shape[1]) if how == "rms" else 1.0
    return (flat * (scale / flat.norm(dim=1, keepdim=True).clamp_min(1e-8))).view_as(h)


class LabelDisplay(nn.Module):
    """Images ``[N, C, H, W]`` that show labels ``[N]``.

    Args:
        label: how.
        classes: number of labels.
        in_shape: C, H, W.
        generator: for the waves.
    """

    def __init__(
        self,
        label: Label,
        classes: int,
        in_shape: tuple[int, ...],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.pixels = label.kind == "pixels"
        _, height, width = in_shape
        shown = torch.eye(classes) if self.pixels else waves(classes, height, width, generator)
        self.register_buffer("shown", label.scale * shown)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self._embed(x, self.get_buffer("shown").to(x.dtype)[y])

    def neutral(self, x: Tensor) -> Tensor:
        """Images that show all labels alike."""
        mean = self.get_buffer("shown").to(x.dtype).mean(0)
        return self._embed(x, mean.expand(len(x), *mean.shape))

    def _embed(self, x: Tensor, label: Tensor) -> Tensor:
        if self.pixels:
            return torch.cat([label, x.flatten(1)[:, label.shape[1] :]], 1).view_as(x)
        return x + label[:, None]


def zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer of zeros."""
    layer = nn.Linear(inputs, outputs)
    for p in layer.parameters():
        p.data.zero_()
    return layer


def waves(classes: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """A plane wave for each class, ``[classes, height, width]`` in -1 .. 1, of random direction,
    phase and 1 to 4 periods: a label that is present everywhere in an image."""
    direction, phase, periods = torch.rand(3, classes, 1, 1, generator=generator)
    row = torch.arange(height).view(1, -1, 1) / height
    column = torch.arange(width).view(1, 1, -1) / width
    along = row * torch.sin(math.pi * direction) + column * torch.cos(math.pi * direction)
    return torch.sin(2 * math.pi * ((1 + 3 * periods) * along + phase))


def wrong_labels(y: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """Labels drawn uniformly among the wrong ones, ``[N]``."""
    shift = torch.randint(1, classes, y.shape, generator=generator, device=y.device)
    return (y + shift) % classes


def hard_labels(y: Tensor, logits: Tensor, generator: torch.Generator) -> Tensor:
    """Wrong labels drawn with the probabilities that a read-out gives them, ``[N]``."""
    uniform = torch.rand(logits.shape, generator=generator, device=y.device, dtype=logits.dtype)
    gumbel = -torch.log(-torch.log(uniform.clamp(1e-12, 1 - 1e-7)))
    return (logits + gumbel).scatter(1, y[:, None], -math.inf).argmax(1)


def negative_labels(
    y: Tensor, classes: int, logits: Tensor | None, generator: torch.Generator
) -> Tensor:
    """Wrong labels ``[N]``: by a read-out's ``logits`` where there are any, else uniform ones."""
    uniform = wrong_labels(y, classes, generator)
    return uniform if logits is None else hard_labels(y, logits.detach(), generator)


def hybrids(x: Tensor, generator: torch.Generator, blurs: int = 10) -> Tensor:
    """Negative images: one image inside a blotchy random mask, another one outside.

    The mask is noise, blurred ``blurs`` times with [1/4, 1/2, 1/4] in both directions and cut at
    1/2 (Hinton 2022). The other image is the neighbour in the (shuffled) batch.
    """
    n, _, height, width = x.shape
    m = torch.rand(n, 1, height, width, generator=generator, device=x.device, dtype=x.dtype)
    kernel = torch.tensor([0.25, 0.5, 0.25], device=x.device, dtype=x.dtype)
    for _ in range(blurs):
        m = F.conv2d(F.pad(m, (1, 1, 0, 0), mode="replicate"), kernel.view(1, 1, 1, 3))
        m = F.conv2d(F.pad(m, (0, 0, 1, 1), mode="replicate"), kernel.view(1, 1, 3, 1))
    mask = (m > 0.5).to(x.dtype)
    return mask * x + (1 - mask) * x.roll(1, 0)
