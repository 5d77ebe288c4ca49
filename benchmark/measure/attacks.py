"""Attacks on images and corruptions of them: pixels in [0, 1] in, pixels in [0, 1] out.

An attacker knows what he is handed: a gradient of the loss (or what stands in for it), or the
scores alone. All balls are those of the largest change of a pixel, max |x' - x| <= eps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

Gradient = Callable[[Tensor, Tensor], Tensor]  # x [N, C, H, W], y [N] -> direction, as x
Scores = Callable[[Tensor], Tensor]  # x [N, C, H, W] -> [N, classes]

AREA = 0.8  # of the image, of the first squares
SHRINK_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000: square's sides halve


def fgsm(gradient: Gradient, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """The fast gradient sign method.

    x' = x + eps sign(dJ/dx)                    (Goodfellow, Shlens & Szegedy 2015, sec. 4)
    """
    return (x + eps * gradient(x, y).sign()).clamp(0, 1)


def pgd(
    gradient: Gradient,
    x: Tensor,
    y: Tensor,
    eps: float,
    steps: int,
    alpha: float,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Projected gradient descent on -J; the last iterate.

        x^{t+1} = Pi(x^t + alpha sign(dJ/dx))       (Madry et al. 2018, sec. 2.1)

    Pi goes to the nearest point in the ball around x and in [0, 1].

    Args:
        alpha: length of a step.
        generator: of the start, uniform in the ball; without one the start is x.
    """
    low, high = (x - eps).clamp_min(0), (x + eps).clamp_max(1)
    x_adv = x
    if generator is not None:
        u = torch.rand(x.shape, generator=generator, device=generator.device).to(x)
        x_adv = (x + eps * (2 * u - 1)).clamp(low, high)
    for _ in range(steps):
        x_adv = (x_adv + alpha * gradient(x_adv, y).sign()).clamp(low, high)
    return x_adv


class Searched(NamedTuple):
    """What a search by scores came to.

    Attributes:
        x: the images it ended with.
        queries: int64 [N], how often it asked for the scores of each image; 0 where the image was
            wrong without it.
    """

    x: Tensor
    queries: Tensor


def square(
    scores: Scores, x: Tensor, y: Tensor, eps: float, queries: int, generator: torch.Generator
) -> Searched:
    """Square attack: random squares of +-eps, kept where the margin falls, until it is below 0.

        x^0 = x +- eps, a sign for each column and channel
        x^{i+1} = x^i with the pixels of a random square at x +- eps, a sign for each channel
        margin = f_y - max_{k != y} f_k            (Andriushchenko et al. 2020, alg. 1 and 2)

    A square's area falls from AREA of the image's with the share of the queries that are used, in
    halves, as in the authors' code. The image itself is known, and asked for without counting.

    Args:
        queries: most of them for each image.
        generator: of all draws; an image's do not depend on how others fare.
    """
    n, channels, height, width = x.shape

    def drawn(*shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator, device=generator.device).to(x)

    def placed(u: Tensor, side: int, room: int) -> Tensor:
        """Which rows, or columns, a square covers: bool [n, room]; ``u`` [n] is its place."""
        first = (u * (room - side + 1)).long()[:, None]
        line = torch.arange(room, device=x.device)
        return (line >= first) & (line < first + side)

    best, used = x.clone(), torch.zeros(n, dtype=torch.int64, device=x.device)
    margin = margins(scores(x), y)
    for i in range(queries):
        (alive,) = (margin > 0).nonzero(as_tuple=True)
        if not len(alive):
            break
        where = drawn(2)[alive] if i else None
        signs = 2 * (drawn(channels, 1, 1 if i else width)[alive] < 0.5).to(x) - 1
        tried = (x[alive] + eps * signs).clamp(0, 1)
        if where is not None:
            side = _side(i / queries, height, width)
            rows, columns = placed(where[:, 0], side, height), placed(where[:, 1], side, width)
            inside = rows[:, None, :, None] & columns[:, None, None, :]
            tried = torch.where(inside, tried, best[alive])
        used[alive] += 1
        found = margins(scores(tried), y[alive])
        better = found < margin[alive]
        kept = alive[better]
        best[kept], margin[kept] = tried[better], found[better]
    return Searched(best, used)


def margins(scores: Tensor, y: Tensor) -> Tensor:
    """f_y - max_{k != y} f_k, ``[N]``: above 0 where an image is classified rightly."""
    own = scores.gather(1, y[:, None])
    others = scores.scatter(1, y[:, None], -math.inf).amax(1)
    return own[:, 0] - others


def _side(share: float, height: int, width: int) -> int:
    """Of the square after a share of all queries; at least one pixel, and not all of a side."""
    area = AREA / 2 ** sum(10_000 * share > at for at in SHRINK_AT)
    return min(max(round(math.sqrt(area * height * width)), 1), height, width)


# ---- corruptions: nobody chooses them ---------------------------------------------------------


def noise(x: Tensor, sd: float, generator: torch.Generator) -> Tensor:
    """Gaussian noise of standard deviation ``sd`` (Hendrycks & Dietterich 2019)."""
    drawn = torch.randn(x.shape, generator=generator, device=generator.device).to(x)
    return (x + sd * drawn).clamp(0, 1)


def blur(x: Tensor, sd: float) -> Tensor:
    """A Gaussian filter of ``sd`` pixels, cut off after three of them; borders are mirrored."""
    reach = min(math.ceil(3 * sd), min(x.shape[-2:]) - 1)
    return gaussian_blur(x, [2 * reach + 1] * 2, [sd] * 2).clamp(0, 1)


def contrast(x: Tensor, kept: float) -> Tensor:
    """``kept`` of each pixel's distance from its image's and channel's mean."""
    mean = x.mean((-2, -1), keepdim=True)
    return (mean + kept * (x - mean)).clamp(0, 1)
