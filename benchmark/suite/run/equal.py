"""The equal-budget board: every rule on the same network, after a search of the same length.

Equal for all rules of a dataset and network: the widths, the data and their order, the mini-batch,
the epochs, the number of trials, the seed of the search, and what chooses (validation accuracy at
the last epoch). A rule's own are its optimizer and start, from ``configs/bench/<algorithm>.yaml``,
and the options that are searched, from ``configs/tune/<algorithm>.yaml``; the nonlinearity is
searched for all but the energy networks, whose dynamics define it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.algorithms import ALGORITHMS
from benchmark.report import records, studies
from benchmark.run.parse import CONFIGS, Names, read_config, read_named
from benchmark.run.row import PLACES, Row
from benchmark.run.runner import run
from benchmark.run.search import Search
from benchmark.run.space import space_text
from benchmark.run.tune import pursue, recorded

SEARCH_SEED = 0
TRIAL_SEED = 1000  # trials share no seed with the reported runs, 0 .. n - 1
DATASETS = ("mnist", "fashion_mnist", "cifar10")
BUDGET = ["--data.batch_size=128", "--data.val_size=5000", "--epochs=10", "--variant=equal"]
ACTIVATION = {"network.activation": "relu,tanh"}
# The settling rules' bench settings stay at chance on three hidden layers; on mnist5k, these learn.
SETTLING = ["--network.activation=half_hard_sigmoid", "--optim.name=adam", "--optim.lr=0.003"]
SETTLING_LR = {"optim.lr": "0.00003:0.03:log"}
FC, CONV = "--network.hidden=[256,256,256]", "--network.channels=[16,32,64]"


class Net(NamedTuple):
    """A network of the board: its options and those of the rules on it, and what is searched."""

    options: list[str]
    searched: dict[str, str]


NETWORKS = {
    "mlp": Net([FC], ACTIVATION),
    "hopfield": Net([FC, *SETTLING], SETTLING_LR),
    "vgg": Net([CONV, "--network.activation=relu"], ACTIVATION),
    "hopfield_conv": Net([CONV, *SETTLING], SETTLING_LR),
}
CONV_OF = {"mlp": "vgg", "hopfield": "hopfield_conv"}


@dataclass(frozen=True)
class Entry:
    """One rule on one dataset and network of the board.

    Attributes:
        names: of the rule, the dataset and the network.
        trials: settings that its study judges.
        options: of the row, over those of the board: places, or a smaller budget.
    """

    names: Names
    trials: int
    options: tuple[str, ...] = ()

    @property
    def config(self) -> Path:
        return CONFIGS / "bench" / f"{self.names.algorithm}.yaml"

    @property
    def args(self) -> list[str]:
        """The options that all studies and runs of the entry share."""
        return [*BUDGET, *NETWORKS[self.names.network].options, *self.options]

    def search(self) -> Search:
        """From the rule's own settings, in its own space, on this board's network and budget."""
        config = read_named(self.names, self.config)
        texts = space_text([], self.names.algorithm, config["optim"]["lr"])
        texts |= NETWORKS[self.names.network].searched
        space = [f"{option}={text}" for option, text in texts.items()]
        args = [*self.args, f"--seeds=[{TRIAL_SEED}]"]
        return Search(self.names, config, args, space, str(self.config))

    def pursue(self, results: Path) -> studies.Study:
        """Judge what trials are left."""
        return pursue(self.search(), self.trials, SEARCH_SEED, results)

    def study(self, results: Path) -> studies.Study:
        """As far as it is recorded."""
        return recorded(self.search(), SEARCH_SEED, results)

    def chosen(self, results: Path) -> tuple[Row, dict[str, Any]]:
        """The row with the best validation accuracy of its trials, and its origin."""
        search = self.search()
        setting = studies.best(recorded(search, SEARCH_SEED, results))["setting"]
        config = self.config.relative_to(CONFIGS.parent).as_posix()
        outside = (*(f"--data.{place}" for place in PLACES), "--machine.")
        said = [o for o in [*self.args, *search.options(setting)] if not o.startswith(outside)]
        return search.row(setting), {"config": config, "options": said}


def entries(
    trials: int, only: Sequence[str] = (), options: Sequence[str] = (), conv: bool = True
) -> Iterator[Entry]:
    """The board's entries: each rule on the fully connected network of each dataset, then conv.

    Args:
        trials: settings to judge for each.
        only: datasets, by default all of the board.
        options: of all rows, over those of the board.
        conv: on the conv nets instead.
    """
    for dataset in only or DATASETS:
        for algorithm in ALGORITHMS:
            network = own_network(algorithm)
            names = Names(algorithm, dataset, CONV_OF[network] if conv else network)
            yield Entry(names, trials, tuple(options))


def own_network(algorithm: str) -> str:
    """The network of a rule's bench settings: that on which it settles, else the MLP."""
    _ = ALGORITHMS[algorithm]  # an unknown name is an error here
    path = CONFIGS / "bench" / f"{algorithm}.yaml"
    return str(read_config(path).get("network", {}).get("name", "mlp"))


def main(argv: Sequence[str]) -> None:
    """Search and then train what is not recorded yet, one after the other in this process."""
    parser = ArgumentParser(prog="python -m benchmark.suite.run.equal", allow_abbrev=False)
    parser.add_argument("--algorithm", default="all", help="names with commas")
    parser.add_argument("--dataset", default=",".join(DATASETS), help="names with commas")
    parser.add_argument("--conv", action="store_true", help="on the conv nets")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(argv)
    asked = None if front.algorithm == "all" else front.algorithm.split(",")
    for entry in entries(front.trials, front.dataset.split(","), rest, front.conv):
        if asked is None or entry.names.algorithm in asked:
            entry.pursue(front.results)
            row, origin = entry.chosen(front.results)
            machine = entry.search().machine
            for seed in range(front.seeds):
                if records.find(front.results, row.hash, seed) is None:
                    run(row, seed, machine, front.results, origin=origin)


if __name__ == "__main__":
    main(sys.argv[1:])
