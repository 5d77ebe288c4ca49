"""Error broadcast and decorrelation (Erdogan et al. 2025)."""

import math
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import forward_cut, local_update, output_error
from benchmark.networks import Network
from benchmark.networks.init import draw
from benchmark.options import NotNegative, Positive, Share
from benchmark.traits import Traits


class EBD(Algorithm):
    """Error broadcast and decorrelation: no layer's activity may correlate with the output error.

        R_k <- lambda R_k + (1 - lambda) / N sum_n h_k^n (e^n)^T
        J_k = 1/2 ||R_k||_F^2 + power P_k - entropy H_k                 (Erdogan et al. 2025)
        P_k = sum_i (1/N sum_n (h_ki^n)^2 - level)^2,   H_k = 1/2 log det(C_k + eps I)
        C_k <- lambda C_k + (1 - lambda) / N sum_n h_k^n (h_k^n)^T

    The error of the best estimate given x is orthogonal to every function of x, so to every h_k.
    The gradient of the first term at a layer's activity, with e held, is (1 - lambda) R_k e: a
    broadcast error whose weights become the correlation itself. Its factor is left to the learning
    rate: delta_k = R_k e, and the other two gradients are taken in the same units. The output
    learns by e. R_k is stored as ``[classes, units of h_k]``, and drawn at first: silence
    decorrelates too, and a memory that is short or starts from nothing leads there. The paper's
    lambda is 0.999999, its other two terms are weak beside the first, and its loss is the squared
    error; with another loss, e is its slope at the logits.

    As lambda goes to 1, with R_k drawn once, this is dfa.
    """

    traits = Traits(
        "error broadcast", "Erdogan et al.", 2025,
        teacher="error", feedback="learned", batch=True, same_steps=True,
    )  # fmt: skip

    def __init__(
        self,
        net: Network,
        *,
        memory: Share = 0.999,
        start: NotNegative = 0.1,
        power: NotNegative = 0.0,
        level: Positive = 0.1,
        entropy: NotNegative = 0.0,
        eps: Positive = 0.1,
        **base: Any,
    ) -> None:
        """
        Args:
            memory: lambda, what the running correlations keep at each step.
            start: scale of the first R_k; at 0 they are zero.
            power: strength of the power normalization, which keeps units from going silent.
            level: the mean square that each unit should have.
            entropy: strength of the layer entropy.
            eps: added to the diagonal of C_k.
        """
        super().__init__(net, **base)
        *hidden, (classes,) = net.shapes()[1:]
        self.memory, self.power, self.level = memory, power, level
        self.entropy, self.eps = entropy, eps
        for k, n in enumerate(map(math.prod, hidden)):
            R = draw("xavier_uniform", (classes, n), self.feedback_stream(k))
            self.register_buffer(f"R{k}", start * R)
            if entropy:
                self.register_buffer(f"C{k}", torch.eye(n))

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        *hidden, logits = h = forward_cut(self.net.blocks, x)
        e = output_error(logits, y, self.loss)
        running, delta = {}, []
        for k, h_k in enumerate(hidden):
            flat = h_k.detach().flatten(1)
            running[f"R{k}"] = R = self.updated(f"R{k}", e, flat)
            signal = e @ R
            if self.power:
                signal = signal + self.power * 4 * (flat.square().mean(0) - self.level) * flat
            if self.entropy:
                running[f"C{k}"] = C = self.updated(f"C{k}", flat, flat)
                eye = torch.eye(len(C), dtype=C.dtype, device=C.device)
                signal = signal - self.entropy * torch.linalg.solve(C + self.eps * eye, flat.T).T
            delta.append(signal.view_as(h_k))
        return Credit(local_update([*delta, e], h), logits, running)

    def updated(self, name: str, a: Tensor, b: Tensor) -> Tensor:
        """The running correlation of that name after a batch of ``a`` and ``b``."""
        return torch.lerp(a.T @ b / len(a), self.get_buffer(name).to(a.dtype), self.memory)

    def after_step(self, credit: Credit) -> None:
        for name, correlation in credit.signals.items():
            self.get_buffer(name).copy_(correlation)
