"""Settling: layered networks that relax to a fixed point of s = sigma(dPhi/ds).

Every derivative is written out, so a step needs no autograd graph. What stays constant while the
states settle, the input's drive, is computed once. Convolutional states are kept channels-last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.credit.losses import Loss, one_hot, task_loss
from benchmark.networks.block import Block

States = list[Tensor]
Force = Callable[[Tensor], Tensor]  # top state -> what is added to its drive


class _Up(NamedTuple):
    """A drive from below, with the shape before pooling and the places of its maxima."""

    drive: Tensor
    shape: torch.Size
    maxima: Tensor | None = None


def _up(block: Block, below: Tensor) -> _Up:
    """P(W s + b), P being the block's max-pooling."""
    a = block.affine(below)
    pool = block.pool
    if not isinstance(pool, nn.MaxPool2d):
        return _Up(a, a.shape)
    drive, maxima = F.max_pool2d(a, pool.kernel_size, pool.stride, return_indices=True)
    return _Up(drive, a.shape, maxima)


def add_down(drive: Tensor, block: Block, weight: Tensor, above: Tensor, up: _Up) -> Tensor:
    """``drive`` + weight^T P^-1(above), the drive from above, in the shape of the layer below.

    P^-1 puts each value where the maximum was that ``up`` pooled.
    """
    synapse: Any = block.synapse
    pool: Any = block.pool
    if isinstance(synapse, nn.Linear):
        if drive.dim() == 2:
            return torch.addmm(drive, above, weight)
        n, *chw = drive.shape
        last = weight.view(-1, *chw).permute(0, 2, 3, 1)  # channels-last, as the layer below
        down = (above @ last.flatten(1)).view(n, *last.shape[1:])
        return down.permute(0, 3, 1, 2).add_(drive)
    if up.maxima is not None:
        size = list(up.shape[-2:])
        above = F.max_unpool2d(above, up.maxima, pool.kernel_size, pool.stride, output_size=size)
    stride, padding = synapse.stride, synapse.padding
    return F.conv_transpose2d(above, weight, stride=stride, padding=padding).add_(drive)


class Phi:
    """The primitive function of a layered network with its input clamped.

        Phi(x, s) = sum_k <s_k, P_k(W_k s_{k-1} + b_k)>,   s_0 = x     (Laborieux et al. 2021)

    Args:
        blocks: the synapses W_k with their pooling P_k, input to output.
        sigma: nonlinearity of the layers.
        drive: P_1(W_1 x + b_1), see :func:`input_drive`.
        backward: weights of the way down for blocks 2 .. L, in the shapes of W_k. By default W_k
            themselves; others make the dynamics a vector field without a primitive function.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        sigma: nn.Module,
        drive: Tensor,
        backward: Sequence[Tensor] | None = None,
    ) -> None:
        self.blocks, self.sigma, self.drive = list(blocks), sigma, drive
        self.backward = backward or [weight_of(block) for block in self.blocks[1:]]

    def __call__(self, s: States) -> Tensor:
        """Phi, summed over the batch. The states are constants: its gradient is dPhi/dtheta."""
        s = [s_k.detach() for s_k in s]
        ups = [self.drive] + [
            block.subsample(block.affine(below))
            for block, below in zip(self.blocks[1:], s, strict=False)
        ]
        return inner(s, ups)

    def drives(self, s: States) -> States:
        """dPhi/ds_k, in closed form: the drive from below plus the drive from above."""
        ups = [_Up(self.drive, self.drive.shape)]
        ups += [_up(block, below) for block, below in zip(self.blocks[1:], s, strict=False)]
        u = [
            add_down(ups[k].drive, block, weight, s[k + 1], ups[k + 1])
            for k, (block, weight) in enumerate(zip(self.blocks[1:], self.backward, strict=True))
        ]
        return [*u, ups[-1].drive]

    def step(self, s: States, force: Force | None = None) -> States:
        """s_k <- sigma(dPhi/ds_k) for all layers at once, with ``force`` on the top layer."""
        u = self.drives(s)
        if force is not None:
            u[-1] = u[-1] + force(s[-1])
        s = [self.sigma(u_k) for u_k in u]
        return [
            s_k if block.dropout is None else block.dropout(s_k)
            for block, s_k in zip(self.blocks, s, strict=True)
        ]

    def energy(self, s: States) -> Tensor:
        """E(s) = sum G(s) - Phi, with G' the inverse of sigma: stationary where s is settled."""
        return sum((self.sigma.potential(s_k).sum() for s_k in s), start=-self(s))  # type: ignore[operator]

    def clamped(self, top: Tensor) -> tuple[Phi, Force]:
        """The layers below an output clamped to ``top``, and its constant force on them."""
        below = Phi(self.blocks[:-1], self.sigma, self.drive, self.backward[:-1])
        force = top @ self.backward[-1]
        return below, lambda s: force.view_as(s)


def weight_of(block: Block) -> Tensor:
    """W of a block's synapse."""
    synapse: Any = block.synapse
    return synapse.weight


def inner(s: States, t: States) -> Tensor:
    """sum_k <s_k, t_k>, a scalar."""
    return torch.stack([(s_k * t_k).sum() for s_k, t_k in zip(s, t, strict=True)]).sum()


def input_drive(block: Block, x: Tensor) -> Tensor:
    """P_1(W_1 x + b_1): constant while the states settle."""
    return block.subsample(block.affine(x))


def settle(phi: Phi, s: States, steps: int, force: Force | None = None) -> States:
    """The states after ``steps`` updates s <- sigma(dPhi/ds + force on the top layer)."""
    for _ in range(steps):
        s = phi.step(s, force)
    return s


class Output:
    """The cost l(s_L, y) on the top state, and the class scores read from it.

    Args:
        loss: ``mse``, 1/2 ||s_L - y||^2 with s_L the outputs, or ``cross_entropy`` of ``readout``.
        readout: a linear block outside the dynamics, for the cross-entropy.
    """

    def __init__(self, loss: Loss, readout: Block | None) -> None:
        self.loss, self.readout = loss, readout

    def scores(self, top: Tensor) -> Tensor:
        """``[N, classes]``"""
        return top if self.readout is None else self.readout(top)

    def cost(self, top: Tensor, y: Tensor) -> Tensor:
        """l summed over the batch."""
        return task_loss(self.scores(top), y, self.loss) * len(y)

    def nudge(self, target: Tensor, beta: float | Tensor) -> Force:
        """The force -beta dl/ds_L towards the one-hot ``target``."""
        if self.readout is None:
            return lambda top: beta * (target - top)
        weight = weight_of(self.readout)

        def force(top: Tensor) -> Tensor:
            error = target - self.scores(top).softmax(-1)
            return (beta * error @ weight).view_as(top)

        return force


def one_hot_targets(y: Tensor, classes: int, like: Tensor) -> Tensor:
    """One-hot targets ``[N, classes]`` in the dtype and device of ``like``."""
    return one_hot(y, like.new_empty(0, classes))


class Relaxation(NamedTuple):
    """A free phase, step by step; the first entry is the state it started from.

    Attributes:
        energy: mean energy of a sample.
        residual: largest |sigma(dPhi/ds) - s| of any unit: 0 at the fixed point.
        distance: root-mean-square distance of a sample's states from those of the last step.
    """

    energy: Tensor
    residual: Tensor
    distance: Tensor


@torch.no_grad()
def relaxation(phi: Phi, s: States, steps: int) -> Relaxation:
    """Measure ``steps`` steps of settling from ``s``: three tensors ``[steps + 1]``."""
    path = [s]
    for _ in range(steps + 1):
        path.append(phi.step(path[-1]))
    n = len(s[0])
    energy = torch.stack([phi.energy(s) / n for s in path[:-1]])
    residual = torch.stack([_gap(s, t) for s, t in pairwise(path)])
    flat = [torch.cat([s_k.flatten(1) for s_k in s], 1) for s in path[:-1]]
    distance = torch.stack([(f - flat[-1]).square().sum(1).mean().sqrt() for f in flat])
    return Relaxation(energy, residual, distance)


def _gap(s: States, t: States) -> Tensor:
    return torch.stack([(t_k - s_k).abs().max() for s_k, t_k in zip(s, t, strict=True)]).max()
