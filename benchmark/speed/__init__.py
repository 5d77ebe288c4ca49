"""Training steps that are written down once and repeated from then on, without autograd.

Every step of most algorithms does the same operations on other numbers. Autograd, the optimizer and
Python find them anew each time, which on small networks costs as much as a matrix product. Here one
step is written down as it runs, as a list of operations on tensors, and that list is repeated: the
same kernels in the same order, hence the same weights to the last bit. What nobody reads falls
away, the value of the objective above all. torch.compile would go further, after a minute or two.

That the repeated step is the step is not taken on trust: see :mod:`benchmark.speed.proof`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from benchmark.speed.replay import Replay, Step

__all__ = ["repeated"]


def repeated(
    step: Step,
    optimizer: torch.optim.Optimizer | None,
    state: nn.Module,
    epoch: Callable[[], int] = lambda: 0,
) -> Step:
    """``step``, recorded when it is taken for the second time and repeated from then on.

    The step may write to tensors in place (weights, buffers, an optimizer's state) and draw from
    generators. It must do the same operations at every call, whatever the numbers; learning rates
    of fused optimizers may change.

    Args:
        step: a function of tensors, which returns a tensor.
        optimizer: the one that the step steps, if any.
        state: what the step may change, and whose class is named if it cannot be repeated.
        epoch: the number of the present epoch; the first steps of some are proved.

    Raises:
        UserError: from the returned function, where a repeated step would not be the step itself.
    """
    return Replay(step, optimizer, state, epoch)
