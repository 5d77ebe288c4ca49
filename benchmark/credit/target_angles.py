"""How target differences compare with the gradient and with the Gauss-Newton step.

Pure functions of a chain of blocks. Activities are ``[N, ...]``; steps have their shape.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmark.credit.angles import angle


def fold(blocks: Sequence[nn.Module], h: Tensor) -> Tensor:
    """The output of a chain of blocks."""
    for block in blocks:
        h = block(h)
    return h


@torch.enable_grad()
def gradient(above: Sequence[nn.Module], h: Tensor, e: Tensor) -> Tensor:
    """dJ/dh of every sample: J^T e, e ``[N, classes]``, J the Jacobian of the blocks ``above``."""
    h = h.detach().requires_grad_()
    return torch.autograd.grad(fold(above, h), h, e)[0]


def gauss_newton(above: Sequence[nn.Module], h: Tensor, e: Tensor, damping: float = 0.0) -> Tensor:
    """J^T (J J^T + damping)^-1 e of every sample: the least change of h that moves the logits by e.

    Costs one backward pass for each class.
    """
    classes = e.shape[1]
    unit = torch.eye(classes, dtype=e.dtype, device=e.device)
    rows = [gradient(above, h, unit[c].expand_as(e)).flatten(1) for c in range(classes)]
    J = torch.stack(rows, 1)
    solved = torch.linalg.solve(J @ J.mT + damping * unit, e)
    return torch.einsum("ncu,nc->nu", J, solved).view_as(h)


def relative_error(reconstruction: Tensor, h: Tensor) -> Tensor:
    """||g(f(h)) - h|| / ||h|| over the batch, a scalar."""
    return (reconstruction - h).norm() / h.norm()


def target_angles(
    blocks: Sequence[nn.Module], h: Sequence[Tensor], t: Sequence[Tensor], e: Tensor
) -> dict[str, Tensor]:
    """Angles of h_k - t_k with dJ/dh_k and with the Gauss-Newton step, by name, in degrees.

    Args:
        blocks: of the network, input to output.
        h: hidden activities h_1 .. h_K, each ``[N, ...]``.
        t: their targets; none where none are set.
        e: output error of every sample, ``[N, classes]``.
    """
    values = {}
    for k, (h_k, t_k) in enumerate(zip(h, t, strict=False)):
        above, step = blocks[k + 1 :], h_k - t_k
        values[f"target_gradient/blocks.{k}"] = angle(step, gradient(above, h_k, e))
        newton = gauss_newton(above, h_k, e, damping=1e-3)
        values[f"target_gauss_newton/blocks.{k}"] = angle(step, newton)
    return values
