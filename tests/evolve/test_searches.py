"""Searches: what a task sees of a population, whole runs on it, their records and their table."""

import json

import numpy as np
import pytest
import torch

from benchmark.algorithms.es import ES
from benchmark.algorithms.ga import GA
from benchmark.cli import main
from benchmark.errors import UserError
from benchmark.networks.mlp import MLP
from benchmark.streams import stream
from benchmark.suite.evolve.run import _identity
from benchmark.suite.evolve.solve import Search, solve
from benchmark.suite.evolve.weights import Perturbed, Weights
from benchmark.suite.tables.tally import table
from benchmark.tasks import TASKS, Task


def rule(cls, inputs=3, **options):
    net = MLP((inputs, 1, 1), 2, stream(0, "init"), hidden=(5,), activation="tanh", bias=True)
    return cls(net, seed=1, **options)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_task_asks_each_perturbed_network_alone(rank):
    es = rule(ES, rank=rank, sigma=0.5)
    deltas = es.propose(stream(0, "noise"), 6)
    x = np.random.default_rng(0).normal(size=(4, 3))
    which = np.array([5, 0, 0, 3])
    networks = Perturbed(es, deltas, 6)
    networks(np.arange(6), np.zeros((6, 3)))
    answers = networks(which, x)
    dense = {k: d if torch.is_tensor(d) else d.dense() for k, d in deltas.items()}
    for i, row, answer in zip(which, x, answers, strict=True):
        p = {k: v + dense[k][i].view_as(v) for k, v in es.theta.items()}
        h = torch.tensor(row).float() @ p["blocks.0.synapse.weight"].T
        h = (h + p["blocks.0.synapse.bias"]).tanh() @ p["blocks.1.synapse.weight"].T
        expected = (h + p["blocks.1.synapse.bias"]).sigmoid()
        np.testing.assert_allclose(answer, expected.detach(), rtol=1e-5)


class Far(Task):
    """The fitness is minus the distance of the answers from 0.8."""

    inputs, outputs, enough = 3, 2, -0.02

    def fitness(self, networks, rng):
        answers = networks(np.arange(networks.n), np.ones((networks.n, 3)))
        return -np.abs(answers - 0.8).sum(1)


@pytest.mark.parametrize(
    "search",
    [
        lambda: Weights(rule(ES, pairs=8, sigma=0.1), Far()),
        lambda: Weights(rule(GA, population=12, parents=3, sigma=0.3), Far()),
    ],
    ids=["es", "ga"],
)
def test_a_search_ends_where_the_task_is_solved(search):
    runs = [solve(search(), Far(), 200, seed=0) for _ in range(2)]
    for run in runs:
        del run["seconds"]
    assert runs[0] == runs[1]
    assert runs[0]["solved"] and runs[0]["generations"] < 200 and runs[0]["fitness"] >= -0.02


def test_each_generation_draws_another_population():
    drawn = []

    def first_answers(networks):
        drawn.append(networks(np.arange(1), np.ones((1, 3)))[0, 0])
        return np.zeros(networks.n)

    search = Weights(rule(GA, population=4, parents=2, elites=1, sigma=0.3), Far())
    search.rule.propose = lambda generator, n: {
        name: torch.randn(n, *p.shape, generator=generator) for name, p in search.rule.theta.items()
    }
    search._descend = lambda objective: None  # theta stays
    search.rule.after_step = lambda credit: None
    for _ in range(3):
        search.generation(first_answers)
    of_population, of_theta = drawn[::2], drawn[1::2]
    assert len(set(of_theta)) == 1 and len(set(of_population)) == 3


class Scripted(Search):
    """Asks for 5 networks a generation, and its own has the fitness of a list."""

    def __init__(self, *fitness):
        self.fitness = list(fitness)

    def generation(self, fitness):
        class Five:
            n = 5

        fitness(Five())
        return "mine", self.fitness.pop(0)


def test_only_a_network_that_is_fit_enough_is_tried(monkeypatch):
    tried = []
    task = Far()
    monkeypatch.setattr(Far, "fitness", lambda *_: None)
    monkeypatch.setattr(Far, "solves", lambda self, network, rng: tried.append(1) or len(tried) > 1)
    run = solve(Scripted(-1, 0, -1, 0, 0), task, 10, seed=0)
    assert (run["solved"], run["generations"], run["evaluations"], len(tried)) == (True, 4, 20, 2)
    run = solve(Scripted(-1, -1), task, 2, seed=0)
    assert (run["solved"], run["generations"]) == (False, 2)


def test_a_network_without_memory_is_refused():
    with pytest.raises(UserError, match="choose neat"):
        Weights(rule(ES), TASKS["double_pole_blind"]())


def evolved(tmp_path, *args):
    return main(["evolve", *args, "--results", str(tmp_path)])


@pytest.mark.parametrize("algorithm", ["es", "ga", "neat"])
def test_the_cart_pole_is_solved_and_what_is_recorded_is_skipped(
    algorithm, tmp_path, capsys, monkeypatch
):
    pytest.importorskip("gymnasium")
    if algorithm == "neat":
        pytest.importorskip("neat")
    command = ["--task", "cart_pole", "--algorithm", algorithm]
    assert evolved(tmp_path, *command, "--seeds", "1") == 0
    (path,) = (tmp_path / "evolve").glob("*.json")
    (first,) = json.loads(path.read_text())["runs"]
    assert first["seed"] == 0 and first["solved"]
    monkeypatch.setattr("benchmark.suite.evolve.run.solve", lambda *a: first | {"seed": a[-1]})
    assert evolved(tmp_path, *command, "--seeds", "[0,4]") == 0
    assert json.loads(path.read_text())["runs"] == [first, first | {"seed": 4}]
    assert "2 of 2" in capsys.readouterr().out


def test_neat_is_the_same_again_and_grows():
    pytest.importorskip("neat")
    from benchmark.suite.evolve.neat_python import NEAT

    task = TASKS["xor"]()
    runs = []
    for _ in range(2):
        neat = NEAT(task, 3, population=40, add_node=0.5)
        runs.append(solve(neat, task, 6, seed=3) | {"seconds": 0})
    assert runs[0] == runs[1]
    assert runs[0]["evaluations"] == 40 * runs[0]["generations"]
    assert neat._config.genome_config.feed_forward and runs[0]["connections"] >= 2
    nodes = [len(genome.nodes) for genome in neat._population.population.values()]
    assert max(nodes) > 1
    blind = NEAT(TASKS["double_pole_blind"](), 0, population=10)
    network, _ = blind.generation(lambda networks: np.arange(networks.n, dtype=float))
    assert network.n == 1 and network.times(3).n == 3


def test_a_new_option_with_a_default_leaves_a_record_its_name():
    settings = {"task": "xor", "algorithm": {"name": "es", "pairs": 4}, "generations": 9}
    full = settings | {"algorithm": {"rank": 0, **settings["algorithm"], "sigma": 0.02}}
    other = settings | {"algorithm": {"name": "es", "pairs": 5}}
    assert _identity(settings) == _identity(full) != _identity(other)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--task", "xor", "--algorithm", "dfa"], "does not evolve"),
        (["--task", "xr", "--algorithm", "es"], "did you mean xor"),
        (["--task", "xor", "--algorithm", "es", "--algorithm.sigmo", "1"], "algorithm.sigma"),
        (["--task", "xor", "--algorithm", "es", "--algorithm.sigma", "-1"], "above 0"),
        (["--task", "xor", "--algorithm", "ga", "--generations", "0"], "at least 1"),
        (["--task", "xor", "--algorithm", "ga", "--cells", "[xor]"], "unknown published cell"),
        (["--task", "xor", "--algorithm", "neat", "--algorithm.threshold", "0.001"], "species"),
    ],
)
def test_bad_input_is_one_line(args, said, tmp_path, capsys):
    if "neat" in args:
        pytest.importorskip("neat")
    assert evolved(tmp_path, *args) == 2
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_table_counts_failures_and_names_what_is_published():
    settings = {"task": "xor", "algorithm": {"name": "neat"}}
    runs = [
        {"solved": True, "generations": 10, "evaluations": 100, "hidden_nodes": 1},
        {"solved": True, "generations": 30, "evaluations": 300, "hidden_nodes": 2},
        {"solved": False, "generations": 300, "evaluations": 9999, "hidden_nodes": 9},
    ]
    cells = ["stanley2002_neat/xor/neat/generations", "stanley2002_neat/xor/neat/evaluations"]
    text = table([{"settings": settings, "runs": runs, "cells": cells}])
    assert "2 of 3" in text and "20.0 ± 14.1 (20)" in text and "200.0 ± 141.4 (200)" in text
    assert "[32] †" in text and "[4755] †" in text and "9999" not in text
