"""The true gradient, whatever carries the errors that an algorithm learns from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.credit.feedback import Synapse
from benchmark.errors import UserError


@contextmanager
def symmetric(net: nn.Module) -> Iterator[None]:
    """Inside, the error returns through W in every synapse: the gradient is the true one."""
    synapses = [m for m in net.modules() if isinstance(m, Synapse)]
    for synapse in synapses:
        synapse.is_symmetric = True
    try:
        yield
    finally:
        for synapse in synapses:
            synapse.is_symmetric = False


@torch.enable_grad()
def input_gradient(algorithm: Any, x: Tensor, y: Tensor) -> Tensor | None:
    """dJ/dx ``[N, ...]``, the true gradient of the task loss at the inputs ``x``.

    None for an algorithm whose predictions are not differentiable.
    """
    x = x.detach().requires_grad_()
    with symmetric(algorithm.net):
        J = algorithm.reference(x, y)
        return None if J is None else torch.autograd.grad(J, x)[0]


def fast_sign(algorithm: Any, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Adversarial inputs, in place of ``x``: moved so that the loss grows.

        x + eps sign(dJ/dx)                     (Goodfellow, Shlens & Szegedy 2015, sec. 4)

    with the true gradient of the task loss. The result is not clipped to the range of ``x``.
    Dropout masks are those of the step.

    Raises:
        UserError: for an algorithm whose predictions are not differentiable.
    """
    gradient = input_gradient(algorithm, x, y)
    if gradient is None:
        raise UserError(
            f"adversarial_eps: the predictions of {type(algorithm).__name__.lower()} are not "
            "differentiable, so there is no gradient of the inputs"
        )
    return x.detach() + eps * gradient.sign()
