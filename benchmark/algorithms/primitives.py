"""Any weighted sum of the alignment primitives (Kunin, Nayebi et al. 2020)."""

from collections.abc import Iterator
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


class PrimitiveSum(LearnedFeedback):
    """B is learned by descending any weighted sum of decay, amp, null, sparse and self.

        L(W, B) = J(W) + R(B)                              (Kunin et al. 2020, eq. 1)
        R = sum over synapses of
            decay/2 ||B||^2 - amp <B x, y> + null/2 ||B^T y||^2 + sparse/2 ||B x||^2 - self <B, W>

    W learns by feedback alignment through B; R moves B alone. x is the synapse's input and
    y = W x its response, without bias. wm, ia, sa and aa are points of this space.
    """

    same_steps = True

    def __init__(
        self,
        net: Network,
        *,
        decay: float = 1.0,
        amp: float = 1.0,
        null: float = 0.0,
        sparse: float = 0.0,
        self_: float = 0.0,
        feedback_lr: float = 0.01,
        running: bool = True,
        noise: NoisePhase | None = None,
        normalize: bool = False,
        adaptive: bool = False,
        **fa: Any,
    ) -> None:
        """
        Args:
            decay: weight of 1/2 ||B||^2, local.
            amp: weight of -<B x, y>, local.
            null: weight of 1/2 ||B^T y||^2, local.
            sparse: weight of 1/2 ||B x||^2, non-local.
            self_: weight of the primitive self, -<B, W>, non-local.
            feedback_lr: learning rate of B, which takes plain steps: no momentum, no weight decay.
            running: descend R on the training batch's own activities, in every training step.
            noise: phases in which R is descended on noise, before and during training.
            normalize: centre the activities over the batch and scale x to unit mean square.
            adaptive: divide B's gradient by its running root mean square, whatever the optimizer.
        """
        super().__init__(net, **fa)
        self.weights = Primitives(decay, amp, null, sparse, self_)
        self.feedback_lr = feedback_lr
        self.running, self.normalize, self.adaptive = running, normalize, adaptive
        self.phase = noise or NoisePhase()
        self.same_steps &= self.phase.every <= 1
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
