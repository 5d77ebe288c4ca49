"""Algorithms with decoders that learn: the decoders, their options, and their place in a row."""

from dataclasses import replace
from typing import Any

from torch import nn

from benchmark.algorithm import Algorithm
from benchmark.credit.decoders import Decoder, Placing
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.networks.init import Init
from benchmark.options import Count, CountOrZero, NotNegative


class Decoding(Algorithm):
    """Base of the target propagation family. ``decoders[k]`` maps h_{k+2} to h_{k+1}."""

    placing: Placing = "after"
    decoders: Any  # an nn.ModuleList of decoders

    def __init__(
        self,
        net: Network,
        *,
        step: NotNegative = 0.3,
        noise: NotNegative | list[NotNegative] = 0.3,
        decoder_lr: NotNegative | list[NotNegative] = 0.005,
        decoder_weight_decay: NotNegative = 0.0,
        decoder_init: Init = "orthogonal",
        decoder_iterations: Count | list[Count] = 1,
        decoder_epochs: CountOrZero = 0,
        **base: Any,
    ) -> None:
        """
        Args:
            step: size of the gradient step that sets the topmost target.
            noise: standard deviation of the noise on activities; one or per decoder.
            decoder_lr: learning rate of the decoders; one or per decoder.
            decoder_weight_decay: L2 penalty on the decoders.
            decoder_init: initial decoder weights.
            decoder_iterations: decoder steps before each step of the weights; one or per decoder.
            decoder_epochs: epochs at the start in which only the decoders learn.
        """
        super().__init__(net, **base)
        if len(net.blocks) < 2:
            raise UserError("target propagation needs a hidden layer")
        self.step = step
        self.decoder_weight_decay, self.decoder_epochs = decoder_weight_decay, decoder_epochs
        self.decoders = nn.ModuleList(self.build_decoders())
        for k, g in enumerate(self.decoders):
            g.initialize(decoder_init, self.feedback_stream(k))
        if decoder_epochs:
            if not self.decoders:
                raise UserError("decoder_epochs: one hidden layer leaves no decoders to train")
            self.traits = replace(self.traits, same_steps=False)
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

    def check_epochs(self, epochs: int) -> None:
        if 0 < epochs <= self.decoder_epochs:
            raise UserError(
                f"decoder_epochs is {self.decoder_epochs}, of {epochs} epochs in all: none is left "
                "in which the weights learn"
            )

    @property
    def pretraining(self) -> bool:
        """Whether only the decoders learn in this epoch."""
        return self.current_epoch < self.decoder_epochs
