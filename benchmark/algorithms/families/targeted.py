"""What target propagation algorithms share: decoders, their options, and when they learn."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmark.algorithm import Algorithm
from benchmark.credit.decoders import Decoder, Placing, encode, encode_cut
from benchmark.credit.losses import output_error
from benchmark.credit.target_angles import target_angles
from benchmark.credit.targets import Difference, Map
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.networks.init import Init


class Encoding(NamedTuple):
    """Activities h_1 .. h_L of a batch, cut between blocks, and the blocks' pooling switches."""

    h: list[Tensor]
    switches: list[Tensor | None]


class Targeted(Algorithm):
    """Base of the target propagation family. ``decoders[k]`` maps h_{k+2} to h_{k+1}."""

    placing: Placing = "after"
    decoders: Any  # an nn.ModuleList of decoders

    def __init__(
        self,
        net: Network,
        *,
        noise: float | list[float],
        decoder_lr: float | list[float],
        decoder_weight_decay: float,
        decoder_init: Init,
        decoder_iterations: int | list[int],
        decoder_epochs: int,
        **base: Any,
    ) -> None:
        super().__init__(net, **base)
        if len(net.blocks) < 2:
            raise UserError("target propagation needs a hidden layer")
        self.decoder_weight_decay, self.decoder_epochs = decoder_weight_decay, decoder_epochs
        self.decoders = nn.ModuleList(self.build_decoders())
        for k, g in enumerate(self.decoders):
            g.initialize(decoder_init, self.feedback_stream(k))
        if decoder_epochs and not self.decoders:
            raise UserError("decoder_epochs: with one hidden layer there are no decoders to train")
        self.same_steps &= not decoder_epochs
        self.noise_sd = self._per_decoder("noise", noise)
        self.decoder_lr = self._per_decoder("decoder_lr", decoder_lr)
        self.iterations = self._per_decoder("decoder_iterations", decoder_iterations)

    def build_decoders(self) -> list[Any]:
        """Decoders of the hidden blocks but the first."""
        return [self.decoder_of(k) for k in range(1, len(self.net.blocks) - 1)]

    def decoder_of(self, k: int) -> Decoder:
        """A decoder of block ``k`` (from 0), to be drawn."""
        blocks = self.net.blocks
        return Decoder(blocks[k], blocks[k - 1], self.net.shapes()[k], self.placing)

    def _per_decoder(self, option: str, value: Any) -> list[Any]:
        """One value for each decoder, from a list of them or a value for all."""
        values = value if isinstance(value, list) else [value] * len(self.decoders)
        if len(values) != len(self.decoders):
            raise UserError(f"{option} has {len(values)} values for {len(self.decoders)} decoders")
        return values

    def param_groups(self) -> list[dict[str, Any]]:
        decay = self.decoder_weight_decay
        return super().param_groups() + [
            {"name": f"decoder{k}", "params": [*g.parameters()], "lr": lr, "weight_decay": decay}
            for k, (g, lr) in enumerate(zip(self.decoders, self.decoder_lr, strict=True))
        ]

    # ---- activities and noise -----------------------------------------------------------------

    def encode_all(self, x: Tensor) -> Encoding:
        return Encoding(*encode_cut(self.net.blocks, x))

    @torch.no_grad()
    def encode(self, k: int, h_below: Tensor) -> tuple[Tensor, Tensor | None]:
        """What ``decoders[k]`` decodes, and its switches, from activities of the block below."""
        return encode(self.net.blocks[k + 1], h_below)

    def differences(self, encoding: Encoding) -> list[Difference]:
        """The maps g_k(t) - g_k(h) of the hidden blocks' decoders, g_2 .. g_K, and above."""
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

    # ---- learning of the decoders -------------------------------------------------------------

    @property
    def pretraining(self) -> bool:
        """Whether only the decoders learn in this epoch."""
        return self.current_epoch < self.decoder_epochs

    def decoder_loss(self, encoding: Encoding, which: Sequence[int]) -> Tensor:
        """The loss of the decoders numbered ``which``; it must not reach the forward weights."""
        raise NotImplementedError

    def decoder_phase(self, x: Tensor) -> Iterator[Tensor]:
        """The decoders' loss as often as each has iterations, with fresh noise every time."""
        if len(self.decoders):
            with torch.no_grad():
                encoding = self.encode_all(x)
            for i in range(max(self.iterations)):
                learning = [k for k, n in enumerate(self.iterations) if n > i]
                yield self.decoder_loss(encoding, learning)

    # ---- measurements -------------------------------------------------------------------------

    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Each layer's angle of the target difference with -dJ/dh and the Gauss-Newton step."""
        signals = self.credit(x, y).signals
        *hidden, logits = self.encode_all(x).h
        targets = [signals[f"t{k}"] for k in range(len(hidden))] if signals else []
        return target_angles(
            list(self.net.blocks), hidden, targets, output_error(logits, y, self.loss)
        )
