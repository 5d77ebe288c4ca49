"""NoProp (Li et al. 2025): every block alone learns to take some noise off the label."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.algorithm import Algorithm, Credit
from benchmark.credit.losses import one_hot
from benchmark.errors import UserError
from benchmark.networks import Block, Network
from benchmark.networks.init import Init, draw
from benchmark.options import Positive
from benchmark.traits import Traits


class NoProp(Algorithm):
    """NoProp in discrete time: T blocks denoise the label, none of them tells another anything.

        z_t = sqrt(abar_t) u_y + sqrt(1 - abar_t) eps,   eps ~ N(0, I)      noised label, t = 0..T
        v_t(z, x) = softmax(A_t f(W_t [x, z]))                                         block t
        (W_t, A_t) descend eta/2 (SNR(t) - SNR(t-1)) |v_t(z_{t-1}, x) - u_y|^2
        the output block descends CE(W z_T, y)                     (Li et al. 2025, eq. 8)

    with u_y one-hot, SNR = abar / (1 - abar), and all blocks taught in each step. Prediction is the
    chain of posterior means (without their noise), from z_0 = 0:

        z_t = a_t v_t(z_{t-1}, x) + b_t z_{t-1}
        a_t = sqrt(abar_t) (1 - alpha_t) / (1 - abar_{t-1}),   alpha_t = abar_{t-1} / abar_t
        b_t = sqrt(alpha_t) (1 - abar_t) / (1 - abar_{t-1})

    Each hidden layer of an MLP becomes a block that reads the image and a noised label, so that T
    is the number of hidden layers. The authors' blocks are small convolutional networks.

    The schedule is a cosine's, as the paper's; where it begins and ends is a guess:
    abar_t = sin^2(pi/2 (t + 1/2) / (T + 1)).
    """

    traits = Traits(
        "local losses", "Li et al.", 2025,
        teacher="label", feedback="learned", second_pass=True, noise=True, networks="blocks",
        same_steps=True,
    )  # fmt: skip

    def __init__(
        self, net: Network, *, eta: Positive = 0.1, init: Init = "lecun_uniform", **base: Any
    ) -> None:
        """
        Args:
            eta: strength of the denoising losses.
            init: initial weights W_t and A_t, and of the output block.
        """
        super().__init__(net, **base)
        if self.loss != "cross_entropy":
            raise UserError(f"noprop has no use for the loss {self.loss}: choose cross_entropy")
        flat = all(
            isinstance(block, Block) and isinstance(block.synapse, nn.Linear)
            for block in net.blocks
        )
        if not flat or len(net.blocks) < 2:
            raise UserError("noprop needs fully connected hidden layers: choose --network mlp")
        pixels, *widths, classes = (math.prod(shape) for shape in net.shapes())
        self.eta, self.T, self.classes = eta, len(widths), classes
        sizes = [*((pixels + classes, n) for n in widths), (classes, classes)]
        self.blocks: list[Any] = list(net.blocks)
        for block, (inputs, outputs) in zip(self.blocks, sizes, strict=True):
            block.reshape = None
            block.synapse = nn.Linear(inputs, outputs, bias=block.synapse.bias is not None)
        self.heads = nn.ModuleList(nn.Linear(n, classes, bias=False) for n in widths)
        synapses = [*(block.synapse for block in self.blocks), *self.heads]
        for k, synapse in enumerate(synapses):
            synapse.weight.data = draw(init, synapse.weight.shape, self.feedback_stream(k))
            if synapse.bias is not None:
                synapse.bias.data.zero_()
        self.abar = [
            math.sin(math.pi / 2 * (t + 0.5) / (self.T + 1)) ** 2 for t in range(self.T + 1)
        ]

    def param_groups(self) -> list[dict[str, Any]]:
        forward, *others = super().param_groups()
        forward["params"] = [*forward["params"], *self.heads.parameters()]
        return [forward, *others]

    def denoised(self, t: int, z: Tensor, x: Tensor) -> Tensor:
        """v_t(z, x), what block t = 1..T takes for the label, ``[N, classes]``."""
        h = self.blocks[t - 1](torch.cat([x.flatten(1), z], 1))
        return self.heads[t - 1](h).softmax(1)

    def noised(self, t: int, u: Tensor) -> Tensor:
        """z_t, labels ``u`` under noise."""
        eps = torch.empty_like(u).normal_(generator=self.noise)
        return math.sqrt(self.abar[t]) * u + math.sqrt(1 - self.abar[t]) * eps

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        u = one_hot(y, self.blocks[-1].synapse.weight)
        objective = F.cross_entropy(self.blocks[-1](self.noised(self.T, u)), y)
        for t in range(1, self.T + 1):
            snr, snr_before = (self.abar[s] / (1 - self.abar[s]) for s in (t, t - 1))
            v = self.denoised(t, self.noised(t - 1, u), x)
            loss = (v - u).square().sum(1).mean()
            objective = objective + self.eta / 2 * (snr - snr_before) * loss
        with torch.no_grad():
            logits = self.predict(x)
        return Credit(objective, logits)

    def predict(self, x: Tensor) -> Tensor:
        z = x.new_zeros(len(x), self.classes)
        for t in range(1, self.T + 1):
            abar, before = self.abar[t], self.abar[t - 1]
            alpha = before / abar
            a = math.sqrt(abar) * (1 - alpha) / (1 - before)
            b = math.sqrt(alpha) * (1 - abar) / (1 - before)
            z = a * self.denoised(t, z, x) + b * z
        return self.blocks[-1](z)

    def reference(self, x: Tensor, y: Tensor) -> None:
        """None: the blocks follow losses of their own, on labels that prediction does not see."""
