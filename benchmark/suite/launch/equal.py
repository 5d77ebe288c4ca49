"""The equal-budget board's rows: every rule on one network, after a search of the same length.

Equal for all rules of a table: the widths, the data and their order, the mini-batch, the epochs,
the number of trials, the seeds of the search, and what chooses (validation accuracy at the last
epoch). A rule's own are its optimizer and start, from ``configs/bench/<algorithm>.yaml``, and the
space that is searched, from ``configs/tune/<algorithm>.yaml``; the nonlinearity is searched for all
but the rules that settle or sample, whose units have theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmark.algorithms import ALGORITHMS
from benchmark.errors import UserError
from benchmark.registry import nearest
from benchmark.suite.records import studies
from benchmark.suite.records.places import CONFIGS
from benchmark.suite.rows.parse import Names, read_named
from benchmark.suite.run.bench import Job as RowJob
from benchmark.suite.run.provenance import config_name
from benchmark.suite.run.search import Search
from benchmark.suite.run.space import space_text
from benchmark.traits import needs

TRIALS = 12
SEARCH_SEED = 0
TRIAL_SEED = 1000  # trials share no seed with the reported runs, 0 .. n - 1
BUDGET = ["--data.batch_size=128", "--data.val_size=5000", "--epochs=10", "--variant=equal"]
ACTIVATION = {"network.activation": "relu,tanh"}
# The settling rules' bench settings stay at chance on three hidden layers; on mnist5k, these learn.
SETTLING = ["--network.activation=half_hard_sigmoid", "--optim.name=adam", "--optim.lr=0.003"]
SETTLING_LR = {"optim.lr": "0.00003:0.03:log"}
TWINS = {"pepita_video"}  # that are another rule on images which are no clips
FC, CONV = "--network.hidden=[256,256,256]", "--network.channels=[16,32,64]"


class Net(NamedTuple):
    """A network of the board: options of all rows on it, and what is searched for all of them."""

    options: list[str]
    searched: dict[str, str]


NETS = {
    "mlp": Net([FC], ACTIVATION),
    "hopfield": Net([FC, *SETTLING], SETTLING_LR),
    "rbm": Net([FC], {}),
    "vgg": Net([CONV, "--network.activation=relu"], ACTIVATION),
    "hopfield_conv": Net([CONV, *SETTLING], SETTLING_LR),
}


class Table(NamedTuple):
    """A table of the board: the networks of the rules that settle or sample, and of all others.

    Rules whose network is None have no row.
    """

    dataset: str
    settles: str = "hopfield"
    samples: str | None = "rbm"
    others: str = "mlp"

    def network(self, algorithm: str) -> str | None:
        """Of a rule."""
        return getattr(self, needs(ALGORITHMS[algorithm]), self.others)  # type: ignore[no-any-return]


TABLES = {
    "mnist": Table("mnist"),
    "fashion_mnist": Table("fashion_mnist"),
    "cifar10": Table("cifar10"),
    "cifar10-conv": Table("cifar10", "hopfield_conv", None, "vgg"),
}


class Entry(NamedTuple):
    """A rule in a table.

    Attributes:
        names: of the rule, the data set and the network.
        options: of all rows of the table, in place of the rule's own.
        searched: what is searched beside the rule's own space.
        places: options of all rows that leave them the same rows.
    """

    names: Names
    options: list[str]
    searched: dict[str, str]
    places: tuple[str, ...] = ()

    @property
    def config(self) -> Path:
        return CONFIGS / "bench" / f"{self.names.algorithm}.yaml"

    def search(self) -> Search:
        """From the rule's own settings, in its own space, on the table's network and budget."""
        config = read_named(self.names, self.config)
        texts = space_text([], self.names.algorithm, config["optim"]["lr"])
        texts |= self.searched
        space = [f"{option}={text}" for option, text in texts.items()]
        args = [*self.options, *self.places, f"--seeds=[{TRIAL_SEED}]"]
        return Search(self.names, config, args, space, str(self.config))

    def row(self, seeds: list[int], study: studies.Study) -> RowJob:
        """The row with the best validation accuracy of the study's trials."""
        search, setting = self.search(), studies.best(study)["setting"]
        said = [*self.options, *search.options(setting)]
        origin = {"config": config_name(self.config), "options": said}
        return RowJob(search.row(setting), seeds, search.machine, search.measure, origin)


def entries(
    only: str | None = None, places: Sequence[str] = (), rules: Sequence[str] | None = None
) -> dict[str, list[Entry]]:
    """Every rule in each table of the board, or in one.

    Args:
        only: name of a table.
        places: options of all rows that leave them the same rows.
        rules: names of those that are wanted; None for all.

    Raises:
        UserError: no table is named ``only``, or a rule is unknown.
    """
    if only is not None and only not in TABLES:
        raise UserError(f"the equal-budget board has no table {only!r}: {nearest(only, TABLES)}")
    return {
        name: [
            Entry(
                Names(algorithm, table.dataset, network),
                [*BUDGET, *NETS[network].options],
                NETS[network].searched,
                tuple(places),
            )
            for algorithm in asked(rules)
            if (network := table.network(algorithm))
        ]
        for name, table in TABLES.items()
        if only in (None, name)
    }


def asked(rules: Sequence[str] | None) -> list[str]:
    """These rules, or all that have rows of their own; in the order of the registry.

    Raises:
        UserError: one is unknown.
    """
    for rule in rules or ():
        _ = ALGORITHMS[rule]
    return [a for a in ALGORITHMS if a not in TWINS and (rules is None or a in rules)]
