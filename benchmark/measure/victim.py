"""A trained rule as an attacker sees it: pixels in [0, 1] in, scores and gradients out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmark.credit.true_gradient import input_gradient
from benchmark.measure.attacks import Gradient

BATCH = 500  # images at once
Signal = Callable[[Tensor, Tensor], Tensor | None]


class Victim:
    """An algorithm at rest, in evaluation mode.

    Gradients are with respect to what the network reads: channel by channel a positive multiple of
    those with respect to pixels, of which attacks take the sign.

    Args:
        algorithm: the trained rule.
        normalize: what images of pixels in 0 .. 255 pass on their way to it.
        x: an image of pixels in [0, 1], ``[1, C, H, W]``, to see what the rule offers.
        y: its label, ``[1]``.

    Attributes:
        gradient: dJ/dx through W, the true one; None where predictions are not differentiable.
        feedback: the signal that the rule's own feedback gives the input in its place; None where
            it gives none (see ``Algorithm.input_signal``).
    """

    def __init__(
        self, algorithm: Any, normalize: Callable[[Tensor], Tensor], x: Tensor, y: Tensor
    ) -> None:
        self.algorithm, self.normalize = algorithm.eval(), normalize
        self.dtype = next(algorithm.parameters()).dtype
        self.gradient = self._offered(lambda x, y: input_gradient(algorithm, x, y), x, y)
        self.feedback = self._offered(algorithm.input_signal, x, y)

    def _offered(self, signal: Signal, x: Tensor, y: Tensor) -> Gradient | None:
        """A signal as a function of pixels, for as many images as there are."""
        if signal(self._read(x), y) is None:
            return None

        def in_parts(x: Tensor, y: Tensor) -> Tensor:
            parts = zip(x.split(BATCH), y.split(BATCH), strict=True)
            signals: list[Any] = [signal(self._read(a), b) for a, b in parts]
            return torch.cat(signals).to(x)

        return in_parts

    def _read(self, x: Tensor) -> Tensor:
        return self.normalize(255 * x).to(self.dtype)

    @torch.no_grad()
    def scores(self, x: Tensor) -> Tensor:
        """Class scores ``[N, classes]`` of pixels ``x`` ``[N, C, H, W]`` in [0, 1]."""
        return torch.cat([self.algorithm.predict(self._read(part)) for part in x.split(BATCH)])

    def right(self, x: Tensor, y: Tensor) -> Tensor:
        """Which images are classified rightly: bool ``[N]``."""
        return self.scores(x).argmax(1) == y
