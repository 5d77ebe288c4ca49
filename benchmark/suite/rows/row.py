"""A row of a table: the resolved configuration of one experiment, without seed and machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from benchmark.algorithms import ALGORITHMS
from benchmark.credit.losses import Loss
from benchmark.data import DATASETS
from benchmark.engine.optim import Optim
from benchmark.engine.stop import Stop
from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.options import Count, NotNegative, check
from benchmark.suite.records.schema import hash_of
from benchmark.suite.rows.fits import build_network
from benchmark.suite.rows.identity import constructor_hints, dataclass_in, differing

Precision = Literal["32-true", "bf16-mixed", "64-true"]
Options = dict[str, Any]
PARTS = ("algorithm", "network", "data", "optim", "stop")  # of a row, with options of their own
LABEL = 100  # characters of one: file names hold it too

# Where data lie and how they are fetched changes no result, so it is no part of a row's identity.
PLACES = ("root", "cache", "steps_per_call", "num_workers")


@dataclass(frozen=True)
class Row:
    """One line of the leaderboard. ``algorithm``, ``network`` and ``data`` hold a name and options.

    Attributes:
        algorithm: name and options of the learning algorithm.
        network: name and options of the network.
        data: name and options of the data module; ``batch_size`` is the global one.
        optim: optimizer and schedule.
        loss: task loss.
        adversarial_eps: learn from x + eps sign(dJ/dx) instead of the inputs x.
        epochs: passes over the training set.
        stop: the rule by which a run ends before that (see ``benchmark.engine.stop.Stop``), if any.
        precision: number format.
        variant: a label for the table, to tell apart rows of one algorithm.
        published: id of the published cell to stand beside, if any.
    """

    algorithm: Options
    network: Options
    data: Options
    optim: Options
    loss: Loss = "cross_entropy"
    epochs: Count = 20
    precision: Precision = "32-true"
    variant: str = ""
    published: str = ""
    stop: Options | None = None
    adversarial_eps: NotNegative = 0.0

    def check(self) -> None:
        """Raise UserError for a number out of its range, or an option without use."""
        check(ALGORITHMS[self.algorithm["name"]], without_name(self.algorithm), "algorithm.")
        check(NETWORKS[self.network["name"]], without_name(self.network), "network.")
        check(DATASETS[self.data["name"]], without_name(self.data), "data.")
        check(Stop, self.stop or {}, "stop.")
        check(Row, {key: value for key, value in asdict(self).items() if key not in PARTS})
        Optim(**self.optim)
        for label in ("variant", "published"):
            text = getattr(self, label)
            if len(text) > LABEL or not text.isprintable():
                raise UserError(f"{label} is {text!r}: one line of {LABEL} characters at most")

    @property
    def identity(self) -> dict[str, Any]:
        """What can change the result but the seed, as far as it differs from the defaults."""
        data = {k: v for k, v in self.data.items() if k not in PLACES}
        options = {
            "algorithm": differing(self.algorithm, ALGORITHMS[self.algorithm["name"]]),
            "network": differing(self.network, NETWORKS[self.network["name"]]),
            "data": differing(data, DATASETS[data["name"]]),
            "optim": differing(self.optim, Optim),
        }
        labels = ("variant", "published", *options)
        scalars = {k: v for k, v in asdict(self).items() if k not in labels}
        return {**options, **differing(scalars, Row), "epochs": self.epochs}

    @cached_property
    def hash(self) -> str:
        """12 hex digits that stand for the :attr:`identity`."""
        return hash_of(self.identity)

    @property
    def title(self) -> str:
        names = [self.data["name"], self.network["name"], self.algorithm["name"]]
        return "-".join(names + [self.variant] * bool(self.variant))

    def as_record(self) -> dict[str, Any]:
        """The row as it stands in records: no places of one machine."""
        row = asdict(self)
        row["data"] = {k: v for k, v in self.data.items() if k not in PLACES}
        return row


def without_name(options: Options) -> Options:
    return {k: v for k, v in options.items() if k != "name"}


def build_data(row: Row, seed: int) -> Any:
    data = DATASETS[row.data["name"]](**without_name(row.data))
    data.seed = seed
    return data


def build_algorithm(row: Row, seed: int, shape: tuple[int, ...], classes: int) -> Any:
    """The algorithm on its freshly drawn network, for inputs of ``shape``.

    Raises:
        UserError: the network does not take such inputs, or the algorithm such a network.
    """
    net = build_network(row.network, seed, shape, classes)
    algorithm = ALGORITHMS[row.algorithm["name"]]
    return algorithm(
        net,
        classes=classes,
        loss=row.loss,
        optim=Optim(**row.optim),
        adversarial_eps=row.adversarial_eps,
        seed=seed,
        **_typed(algorithm, without_name(row.algorithm)),
    )


def _typed(cls: type, options: Options) -> Options:
    """``options`` with each group as the dataclass that a constructor of ``cls`` asks for."""
    hints = constructor_hints(cls)
    return {
        k: group(**v) if isinstance(v, Mapping) and (group := dataclass_in(hints.get(k))) else v
        for k, v in options.items()
    }
