"""What target propagation algorithms share: a step in which layers chase targets."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.decoding import Decoding
from benchmark.credit.decoders import encode, encode_cut
from benchmark.credit.losses import output_error
from benchmark.credit.target_angles import target_angles
from benchmark.credit.targets import Difference, Map, layer_losses


class Encoding(NamedTuple):
    """Activities h_1 .. h_L of a batch, cut between blocks, and the blocks' pooling switches."""

    h: list[Tensor]
    switches: list[Tensor | None]


class Targeted(Decoding):
    """Target propagation: every layer chases its target, and decoders learn beside or before.

    A rule writes its ``targets`` and its ``decoder_loss``.
    """

    @property
    def decoder_steps(self) -> list[list[int]]:
        """The decoders that learn, in each of their steps on a batch; ``credit`` takes the last of
        them where nothing else learns."""
        most = max(self.iterations, default=0)
        return [[k for k, n in enumerate(self.iterations) if n > i] for i in range(most)]

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        """The decoders' loss as often as each has iterations, with fresh noise every time."""
        steps = self.decoder_steps[:-1] if self.pretraining else self.decoder_steps
        if steps:
            with torch.no_grad():
                encoding = self.encode_all(x)
            for learning in steps:
                yield self.decoder_loss(encoding, learning)

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        encoding = self.encode_all(x)
        logits = encoding.h[-1]
        if self.pretraining:
            return Credit(self.decoder_loss(encoding, self.decoder_steps[-1]), logits)
        with torch.no_grad():
            targets = self.targets(encoding, y)
        signals = {f"t{k}": t for k, t in enumerate(targets)}
        return Credit(self.losses(encoding, targets, y), logits, signals)

    def targets(self, encoding: Encoding, y: Tensor) -> list[Tensor]:
        """t_1, t_2, ..: targets of the activities, up to the logits or the top hidden ones."""
        raise NotImplementedError

    @torch.no_grad()
    def input_signal(self, x: Tensor, y: Tensor) -> Tensor:
        """(dh_1/dx)^T (h_1 - t_1): what the first layer's distance from its target says of x."""
        t_1, *_ = self.targets(self.encode_all(x), y)
        into_first = torch.func.vjp(self.net.blocks[0], x)
        return into_first[1](into_first[0] - t_1)[0]

    def losses(self, encoding: Encoding, targets: list[Tensor], y: Tensor) -> Tensor:
        """What the weights descend in ``credit``: every layer's distance from its target."""
        return layer_losses(encoding.h, targets)

    def decoder_loss(self, encoding: Encoding, which: Sequence[int]) -> Tensor:
        """The loss of the decoders numbered ``which``; it must not reach the forward weights."""
        raise NotImplementedError

    # ---- activities, maps and noise -----------------------------------------------------------

    def encode_all(self, x: Tensor) -> Encoding:
        return Encoding(*encode_cut(self.net.blocks, x))

    @torch.no_grad()
    def encode(self, k: int, h_below: Tensor) -> tuple[Tensor, Tensor | None]:
        """What ``decoders[k]`` decodes, and its switches, from activities of the block below."""
        return encode(self.net.blocks[k + 1], h_below)

    def differences(self, encoding: Encoding) -> list[Difference]:
        """The maps g_k(t) - g_k(h) of the decoders, from that of the second block upwards."""
        pairs = zip(self.decoders, encoding.switches[1:], strict=False)
        return [partial(g.difference, switches=s) for g, s in pairs]

    def inverses(self, encoding: Encoding) -> list[Map]:
        """The maps g_k themselves."""
        pairs = zip(self.decoders, encoding.switches[1:], strict=False)
        return [partial(g, switches=s) for g, s in pairs]

    def noise_like(self, h: Tensor, sd: float) -> Tensor:
        """Gaussian noise in the shape of ``h``."""
        noise = torch.empty_like(h)
        noise.as_strided((h.numel(),), (1,)).normal_(0, sd, generator=self.noise)  # fast as vector
        return noise

    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Each layer's angle of the target difference with -dJ/dh and the Gauss-Newton step."""
        signals = self.credit(x, y).signals
        *hidden, logits = self.encode_all(x).h
        targets = [signals[f"t{k}"] for k in range(len(hidden))] if signals else []
        return target_angles(
            list(self.net.blocks), hidden, targets, output_error(logits, y, self.loss)
        )
