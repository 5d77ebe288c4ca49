"""What a learning rule says of itself: where it is from, what its updates read, what it needs.

The traits of a class are those of its default options; an instance whose options change one says
so in traits of its own. tests/conformance/test_traits.py proves each of them by perturbation:
what a rule claims not to read is changed, and its update must not move. "The update" is that of the
forward weights of a hidden layer, in one step, at the feedback weights of that step.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Traits:
    """Origin and claims of a learning rule.

    Attributes:
        family: of rules: backpropagation, feedback alignment, sign symmetry, learned feedback,
            input modulation, forward-forward, target propagation, settling, or another.
        paper: its authors, as the docstring cites them; with the year they are found there.
        year: of the paper.
        teacher: what tells the layer right from wrong. Each level may read those before it too:
            ``none``; ``label``, but nothing of the layers above; ``error``, that of the output,
            which moves no update as long as it stays the same, whatever the layers between do; or
            ``above``, a signal that depends on the layer above.
        transport: whose forward weights are read from outside their layer (weight transport), be it
            by the updates below or by the learning of the feedback weights: ``none``; only their
            ``signs``; those of the ``output`` layer alone; or all ``weights``.
        feedback: weights of its own that bring the signal to hidden layers: ``none``; ``fixed``;
            ``refreshed`` before each step from the forward weights; or ``learned``, as parameters
            or as running correlations.
        backward_pass: derivatives are chained from layer to layer, down through the synapses.
        second_pass: a hidden layer answers more than once to a sample in one step: a modulated or
            noisy pass, negative data, phases that settle.
        noise: a step draws from ``self.noise``. Every process draws its own: several processes take
            the mean of their updates, not the update of one process on the joined batch.
        batch: an update reads statistics of the batch, so it is no sum over samples. Processes
            take the mean of their updates here too. Without ``noise`` and ``batch``, on a network
            without dropout and batch norm, that is the update of the joined batch, up to rounding.
        settling: states of the hidden layers relax in a step, for many of its own.
        exchange: processes join their batches, draw the same noise and share the work: together
            they take the update of one process on the joined batch, whatever it reads or draws.
        same_steps: each step does the same operations, whatever the numbers, the step and the
            epoch, and draws all noise from ``self.noise``. Such steps are repeated without
            autograd, see :func:`repeats`.
        networks: that it trains: ``any``; of plain ``blocks``, one synapse each; one that
            ``settles``; or one that ``samples``.
    """

    family: str
    paper: str
    year: int
    _: KW_ONLY
    teacher: Literal["none", "label", "error", "above"]
    transport: Literal["none", "signs", "output", "weights"] = "none"
    feedback: Literal["none", "fixed", "refreshed", "learned"] = "none"
    backward_pass: bool = False
    second_pass: bool = False
    noise: bool = False
    batch: bool = False
    settling: bool = False
    exchange: bool = False
    same_steps: bool = False
    networks: Literal["any", "blocks", "settles", "samples"] = "any"

    @property
    def passes(self) -> str:
        """The passes of a step, in words."""
        forward = "several forward" if self.second_pass else "forward"
        there = "settling" if self.relaxes else forward
        return f"{there} + backward" if self.backward_pass else there

    @property
    def relaxes(self) -> bool:
        """Whether states settle, those of the network or those that the rule gives it."""
        return self.settling or self.networks == "settles"

    @property
    def words(self) -> str:
        """Origin and plausibility in one line."""
        return (
            f"{self.family}, {self.paper} {self.year}; teacher: {self.teacher}, transport: "
            f"{self.transport}, feedback: {self.feedback}, passes: {self.passes}, several "
            f"processes: {'as one' if self.joins else 'the mean of their updates'}"
        )

    @property
    def joins(self) -> bool:
        """Whether several processes take the update of one process on the joined batch, where the
        network has no dropout and no batch norm."""
        return self.exchange or not (self.noise or self.batch)


def settles(rule: Any) -> bool:
    """Whether a rule, or its class, needs a network that settles; one without traits does not."""
    return needs(rule) == "settles"


def needs(rule: Any) -> str:
    """The kind of network that a rule, or its class, trains: ``any`` where it has no traits."""
    return rule.traits.networks if hasattr(rule, "traits") else "any"


def teaches_blocks(rule: Any) -> bool:
    """Whether a rule teaches each block apart; one without traits may not."""
    return hasattr(rule, "traits") and not rule.traits.backward_pass


def exchanges(rule: Any) -> bool:
    """Whether processes draw the same noise; those of a rule without traits do not."""
    return hasattr(rule, "traits") and rule.traits.exchange


def repeats(algorithm: Any) -> bool:
    """Whether an algorithm's steps are all the same, and may be repeated from a record.

    Its class says so for itself: traits that are inherited say nothing of what a derived class
    does. Its options may unsay it.
    """
    return "traits" in vars(type(algorithm)) and algorithm.traits.same_steps
