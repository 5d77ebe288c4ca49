"""Predictive coding: states between layers, the energy of their errors, and its descent.

        F(h, theta) = sum_{l < L} 1/2 ||h_l - f_l(h_{l-1})||^2 + l(f_L(h_{L-1}), target)

f_l is block l, h_0 the input. The output's term is the task's loss, for which 1/2 squared error
with the output clamped to the target is the same sum (Whittington & Bogacz 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.credit.losses import Loss, one_hot, prediction

States = list[Tensor]
Output = Literal["clamped", "nudged"]
Cost = Callable[[Tensor], Tensor]
Relax = Callable[[States, Callable[[States], Sequence[Tensor]]], States]


def pulled(logits: Tensor, y: Tensor, loss: Loss, beta: float, output: Output) -> Cost:
    """The cost of an output that the label pulls by beta; a negative one pushes it away.

        clamped   l(., p + beta (t - p)): to between its own prediction p and the label t
                                                                        (Pinchetti et al. 2024)
        nudged    beta l(., t)                                          (Scellier & Bengio 2017)

    With beta = 1 both are the task's loss.

    Args:
        logits: the output's before it is pulled, ``[N, classes]``.
        y: labels, ``[N]``.
        loss: l, of the task.
        beta: the pull.
        output: which of the two.

    Returns:
        The loss of other logits ``[N, classes]``, summed over the batch.
    """
    p, t = prediction(logits, loss), one_hot(y, logits)
    weight, target = (1.0, p + beta * (t - p)) if output == "clamped" else (beta, t)

    def task(logits: Tensor) -> Tensor:
        if loss == "cross_entropy":
            return -(target * logits.log_softmax(-1)).sum()
        if loss == "bce":
            return F.binary_cross_entropy_with_logits(logits, target, reduction="sum")
        return 0.5 * (target - logits).square().sum()

    return lambda logits: weight * task(logits)


def energy(blocks: Iterable[nn.Module], x: Tensor, cost: Cost, h: States) -> Tensor:
    """F, summed over the batch, with a graph to states that want one and to the weights."""
    *hidden, output = blocks
    below, total = x, torch.zeros_like(x[:1]).sum()
    for block, h_l in zip(hidden, h, strict=True):
        total = total + 0.5 * (h_l - block(below)).square().sum()
        below = h_l
    return total + cost(output(below))


def slopes(blocks: Iterable[nn.Module], x: Tensor, cost: Cost, h: States) -> Sequence[Tensor]:
    """dF/dh_l = eps_l - (df_{l+1}/dh_l)^T eps_{l+1}, one for each state."""
    with torch.enable_grad():
        leaves = [h_l.detach().requires_grad_() for h_l in h]
        return torch.autograd.grad(energy(blocks, x, cost, leaves), leaves)


def fixed_energy(
    blocks: Iterable[nn.Module], x: Tensor, cost: Cost, h: States, relax: Relax
) -> Tensor:
    """A scalar with the gradient of F where predictions stay as in the feed-forward pass.

    The errors relax by eps_l - J_{l+1}^T eps_{l+1}, J the derivatives at the feed-forward states,
    and rest at backprop's (Millidge et al. 2022, the fixed prediction assumption).

    Args:
        blocks: the network's.
        x: input.
        cost: of the output.
        h: feed-forward states.
        relax: descends slopes from given states.

    Returns:
        -sum_l <eps_l, f_l(h_{l-1})> + cost, with a graph to the weights.
    """
    *hidden, output = blocks
    with torch.enable_grad():
        below = [x, *(h_l.detach().requires_grad_() for h_l in h)]
        f = [block(b) for block, b in zip(hidden, below, strict=False)]
        last = cost(output(below[-1]))

        def slopes(eps: States) -> list[Tensor]:
            down = [
                torch.autograd.grad(f_l, b, e, retain_graph=True)[0]
                for f_l, b, e in zip(f[1:], below[1:], eps[1:], strict=False)
            ]
            (top,) = torch.autograd.grad(last, below[-1], retain_graph=True)
            return [e - d for e, d in zip(eps, [*down, -top], strict=True)]

        eps = relax([torch.zeros_like(h_l) for h_l in h], slopes)
    fixed = [block(b.detach()) for block, b in zip(hidden, below, strict=False)]
    taught = [(e.detach() * f_l).sum() for e, f_l in zip(eps, fixed, strict=True)]
    return cost(output(below[-1].detach())) - sum(taught, torch.zeros_like(last))
