"""Learned feedback weights that descend a regularizer R(B), on activities or on noise."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from benchmark.algorithm import Credit
from benchmark.algorithms.families.learned_feedback import LearnedFeedback
from benchmark.credit.estimation import (
    NoisePhase,
    Primitives,
    mirror_noise,
    regularizer,
    standardized,
    symmetry,
)
from benchmark.credit.losses import task_loss
from benchmark.networks import Network
from benchmark.options import NotNegative


class Regularized(LearnedFeedback):
    """Feedback alignment through B, which descends R(B): see ``credit/estimation.py``.

    Attributes:
        weights: of the primitives in R; a rule sets them first.
    """

    weights: Primitives

    def __init__(
        self,
        net: Network,
        *,
        feedback_lr: NotNegative = 0.01,
        running: bool = True,
        noise: NoisePhase | None = None,
        normalize: bool = False,
        adaptive: bool = False,
        **fa: Any,
    ) -> None:
        """
        Args:
            feedback_lr: learning rate of B, which takes plain steps: no momentum, no weight decay.
            running: descend R on the training batch's own activities, in every training step.
            noise: phases in which R is descended on noise, before and during training.
            normalize: centre the activities over the batch and scale x to unit mean square.
            adaptive: divide B's gradient by its running root mean square, whatever the optimizer.
        """
        super().__init__(net, **fa)
        self.feedback_lr = feedback_lr
        self.running, self.normalize, self.adaptive = running, normalize, adaptive
        self.phase = noise or NoisePhase()
        self.traits = replace(
            self.traits,
            noise=bool(self.phase.before or self.phase.every),
            batch=running and normalize and self.weights.need_activity,
            same_steps=self.traits.same_steps and self.phase.every <= 1,
        )
        for synapse in self.carriers:
            synapse.observed = running and self.weights.need_activity
        if adaptive:
            self.register_buffer("adaptive_steps", torch.zeros(1))
            for k, B in enumerate(self.feedback_weights()):
                self.register_buffer(f"mean_square{k}", torch.zeros_like(B))

    def feedback_options(self) -> dict[str, Any]:
        return {"lr": self.feedback_lr, "weight_decay": 0.0, "momentum": 0.0}

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        for _ in range(self.phase.due(self.current_epoch, self._step)):
            yield self.noise_objective()

    def noise_objective(self) -> Tensor:
        """R on a fresh batch of noise, summed over the synapses."""
        terms = [
            regularizer(s, *mirror_noise(s, self.phase, self.noise), self.weights)
            for s in self.carriers
        ]
        return torch.stack(terms).sum()

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        logits = self.net(x)
        objective = task_loss(logits, y, self.loss)
        if self.running:
            for synapse in self.carriers:
                objective = objective + self._running(synapse)
        return Credit(objective, logits)

    def _running(self, synapse: Any) -> Tensor:
        """R of one synapse on the activities of the pass just made."""
        if synapse.seen is None:
            return symmetry(synapse, self.weights)
        seen, synapse.seen = synapse.seen, None
        x, y = standardized(*seen) if self.normalize else seen
        return regularizer(synapse, x, y, self.weights)

    # ---- the adaptive option ------------------------------------------------------------------

    def configure_optimizers(self) -> Any:
        (optimizer,), schedules = super().configure_optimizers()
        if self.adaptive:
            optimizer.register_step_pre_hook(lambda *_: self._rescale_gradients())
        return [optimizer], schedules

    @torch.no_grad()
    def _rescale_gradients(self, keep: float = 0.99) -> None:
        """g <- g / sqrt(v) with v the bias-corrected running mean of g^2 (RMSprop)."""
        gradients = [B.grad for B in self.feedback_weights() if B.grad is not None]
        if not gradients:  # a step of other parameters
            return
        self.get_buffer("adaptive_steps").add_(1)
        correction = 1 - keep ** self.get_buffer("adaptive_steps")
        for k, gradient in enumerate(gradients):
            v = self.get_buffer(f"mean_square{k}")
            v.lerp_(gradient.square(), 1 - keep)
            gradient.div_((v / correction).sqrt() + 1e-8)
