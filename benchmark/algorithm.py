"""The contract of a learning algorithm.

An algorithm answers one question: from a batch (x, y), how should each weight change? It returns a
scalar whose gradient with respect to the trainable parameters is that change. The engine does the
rest: backward, averaging over processes, clipping, the step, the schedule, metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmark.credit.losses import Loss, task_loss
from benchmark.engine.learner import Learner
from benchmark.engine.optim import Optim
from benchmark.errors import UserError
from benchmark.networks import Network
from benchmark.networks.wrap import Whole
from benchmark.options import Count, CountOrZero, NotNegative, check
from benchmark.streams import stream
from benchmark.traits import Traits, teaches_blocks


class Credit(NamedTuple):
    """What an algorithm returns for a batch.

    Attributes:
        objective: scalar whose gradient is the update; its value has no meaning.
        logits: ``[N, classes]``, for the task loss and the accuracy.
        signals: named teaching signals, for measurements and ``after_step``.
    """

    objective: Tensor
    logits: Tensor
    signals: Mapping[str, Tensor] = {}


class Algorithm(Learner):
    """Base class of every learning algorithm. Write :meth:`credit`; override the rest if needed.

    It is a LightningModule for any Trainer and DataLoader. Its checkpoints hold the options, but
    not the network: ``DFA.load_from_checkpoint(path, net=net)``.

    Args:
        net: the network to train, of this suite or made by :func:`benchmark.as_network`.
        classes: number of classes; by default as many as the network has outputs.
        loss: task loss.
        optim: optimizer and schedule.
        adversarial_eps: how far inputs are moved in adversarial training; 0 for none.
        seed: root of the named random streams.
    """

    traits: Traits  # of the class; an instance has its own where its options change one

    def __init__(
        self,
        net: Network,
        *,
        classes: Count | None = None,
        loss: Loss = "cross_entropy",
        optim: Optim | None = None,
        adversarial_eps: NotNegative = 0.0,
        seed: CountOrZero = 0,
    ) -> None:
        if isinstance(net, Whole) and teaches_blocks(self):
            raise UserError(
                f"{type(self).__name__} teaches block by block, and the network is no chain of "
                "blocks: take another, or give as_network an nn.Sequential or a list of layers"
            )
        outputs = net.shapes()[-1][0] if classes is None else classes
        super().__init__(outputs, loss, optim or Optim(), adversarial_eps, seed)
        self.save_hyperparameters(ignore="net")
        check(type(self), self.hparams)
        self.net = net

    def check_epochs(self, epochs: int) -> None:
        """Raise UserError if in a run of so many epochs a part would never learn."""

    def credit(self, x: Tensor, y: Tensor) -> Credit:
        """The update for inputs ``x`` ``[N, ...]`` with labels ``y`` ``[N]``, as a scalar."""
        raise NotImplementedError

    def predict(self, x: Tensor) -> Tensor:
        """Class scores ``[N, classes]`` for inputs ``x``; needs no labels, changes no state."""
        return self.net(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.predict(x)

    def param_groups(self) -> list[dict[str, Any]]:
        """Named groups for the one optimizer; a group may have its own ``lr``."""
        return [
            {"name": "forward", "params": [p for p in self.net.parameters() if p.requires_grad]}
        ]

    def before_step(self, x: Tensor) -> None:
        """Refresh what is no gradient step, before a step on ``x``: signs, mirrored weights."""

    def feedback_phase(self, x: Tensor) -> Iterator[Tensor]:
        """Scalars to be descended one after the other before ``credit``, each with its own step."""
        return iter(())

    def credits(self, x: Tensor, y: Tensor) -> Iterator[Credit]:
        """The updates of a step, at least one: each is taken before the next is asked for.

        For rules that change the weights several times a batch. Measurements read ``credit``.
        """
        yield self.credit(x, y)

    def after_step(self, credit: Credit) -> None:
        """Write what a step decided beside the weights, from its last credit: the population."""

    def reference(self, x: Tensor, y: Tensor) -> Tensor | None:
        """The task loss of the predictions, whose gradient measurements compare the update with.

        None where predictions are not differentiable with respect to the weights.
        """
        scores = self.predict(x)
        return task_loss(scores, y, self.loss) if scores.requires_grad else None

    def input_signal(self, x: Tensor, y: Tensor) -> Tensor | None:
        """What the rule's own feedback gives the input in place of dJ/dx, in the shape of ``x``.

        For attacks that know of a rule what it knows of itself; up to a positive factor, for they
        take its signs. None where its feedback does not reach the input, or is the true gradient.
        """
        return None

    def measurements(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """An algorithm's own scalars to record beside the alignment angles, by name."""
        return {}

    def feedback_stream(self, k: int) -> torch.Generator:
        """The generator for the k-th feedback weights: the same on every process."""
        return stream(self.seed, "feedback", k)
