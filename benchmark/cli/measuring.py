"""Commands that measure runs and rules: robust, fantasies, costs, scale, perf, audit, theory."""

from __future__ import annotations

from pathlib import Path

from benchmark.cli.parser import Parser


def robust(args: list[str]) -> None:
    """Attack recorded runs, and write what they withstand to results/robustness/.

    FGSM and PGD through the true gradient, PGD through the rule's own feedback and through another
    seed of backprop, Square attack, noise, blur and contrast. Where to run is an option
    (--data.root DIR, --machine.accelerator gpu).
    """
    parser = Parser(prog="python -m benchmark robust", description=robust.__doc__)
    parser.add_argument("--algorithm", help="runs of these rules: names with commas")
    parser.add_argument("--dataset", help="runs on this data set")
    parser.add_argument("--network", help="runs of this network")
    parser.add_argument(
        "--record", type=Path, action="extend", nargs="+", default=[],
        help="files in results/records, instead of names",
    )  # fmt: skip
    parser.add_argument("--images", type=int, default=1000, help="of the test set, evenly spread")
    parser.add_argument(
        "--retrain", action="store_true", help="train again the runs whose weights are gone"
    )
    parser.add_argument("--again", action="store_true", help="also what is measured already")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    from benchmark.suite.run.robust import robust as attack

    for path in attack(front, rest):
        print(path)


def fantasies(args: list[str]) -> None:
    """Draw recorded Boltzmann machines into results/boltzmann/: filters, samples, free energies.

    Where to run is an option (--data.root DIR, --machine.accelerator gpu).
    """
    parser = Parser(prog="python -m benchmark fantasies", description=fantasies.__doc__)
    parser.add_argument("--record", type=Path, action="extend", nargs="+", default=[])
    parser.add_argument(
        "--retrain", action="store_true", help="train again the runs whose weights are gone"
    )
    parser.add_argument("--results", type=Path, default=Path("results"))
    front, rest = parser.parse_known_args(args)
    from benchmark.suite.run.fantasies import fantasies as draw

    for path in draw(front.results, front.record, front.retrain, rest):
        print(path)


def costs(args: list[str]) -> None:
    """Count what a step of each recorded row does and holds: <results>/costs.md and costs.csv."""
    parser = Parser(prog="python -m benchmark costs", description=costs.__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--again", action="store_true", help="count all rows anew")
    front = parser.parse_args(args)
    from benchmark.suite.perf.costs import costs as count
    from benchmark.suite.tables import write_costs

    new = count(front.results, front.again)
    rows = write_costs(front.results)
    print(f"{front.results}/costs.md, costs.csv: {rows} rows, {new} counted now")


def scale(args: list[str]) -> None:
    """What ImageNet rows would take on nodes of GPUs: <results>/scale.md.

    Decoding and the exchange of gradients are measured here, operations are counted.
    """
    parser = Parser(prog="python -m benchmark scale", description=scale.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="train/<class>/* of JPEGs, val/")
    parser.add_argument("--tflops", type=float, default=35.0, help="that a GPU sustains, assumed")
    parser.add_argument("--link", type=float, default=100.0, help="GB/s between GPUs, assumed")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front = parser.parse_args(args)
    from benchmark.suite.perf.scale import scale as measured

    print(measured(front.results, front.root, front.tflops, front.link))


def perf(args: list[str]) -> None:
    from benchmark.suite.perf.steps import main as measure

    measure(args)


def audit(args: list[str]) -> None:
    """Audit rules, print what was found and write it to <results>/audit.csv."""
    parser = Parser(prog="python -m benchmark audit", description=audit.__doc__)
    parser.add_argument("--algorithm", default="all", help="names with commas, or all")
    parser.add_argument("--results", type=Path, default=Path("results"))
    front = parser.parse_args(args)
    from benchmark.algorithms import ALGORITHMS
    from benchmark.suite.perf.audit import audit as audited

    names = list(ALGORITHMS) if front.algorithm == "all" else front.algorithm.split(",")
    print(audited(names, front.results / "audit.csv"))


def theory(args: list[str]) -> None:
    """Theory beside simulation: numbers and a figure."""
    from benchmark.suite.theory import main as run_experiment

    parser = Parser(prog="python -m benchmark theory", description=theory.__doc__)
    run_experiment(parser, args)
