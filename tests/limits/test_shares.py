"""Two processes judge half of a population each, and take the same update, to the bit."""

from multiprocessing import get_context

import pytest
import torch
import torch.distributed as dist

from benchmark.algorithms.es import ES
from benchmark.algorithms.families.population import Population
from benchmark.algorithms.ga import GA
from benchmark.streams import stream
from tests.oracle.tiny import data, network

RULES = {
    "es": (ES, {"pairs": 7, "rank": 1}),
    "ga": (GA, {"population": 9, "parents": 3}),
}


def update(name, x, y):
    """The update of a mini-batch, and how many networks were judged for it."""
    rule, options = RULES[name]
    algorithm = rule(network()[0], sigma=0.3, **options).double()
    algorithm._noise = stream(0, "noise")
    judged = []

    def fitness(x, y, deltas):
        F = Population.fitness(algorithm, x, y, deltas)
        judged.append(len(F))
        return F

    algorithm.fitness = fitness
    objective = algorithm.credit(x.view(-1, 1, 2, 3), y).objective
    return torch.autograd.grad(objective, list(algorithm.parameters())), sum(judged)


def share(rank, name, file, found):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    x, y, _ = data()
    U, judged = update(name, x.chunk(2)[rank], y.chunk(2)[rank])
    found.put((rank, [u.tolist() for u in U], judged))
    dist.destroy_process_group()


@pytest.mark.parametrize("name", RULES)
def test_two_processes_share_the_population(name, tmp_path):
    context = get_context("fork")
    found = context.Queue()
    both = [
        context.Process(target=share, args=(rank, name, tmp_path / "store", found))
        for rank in (0, 1)
    ]
    for process in both:
        process.start()
    (_, first, n), (_, second, m) = sorted(found.get(timeout=60) for _ in both)
    for process in both:
        process.join()
    x, y, _ = data()
    alone, judged = update(name, x, y)
    assert first == second
    assert n + m == judged and abs(n - m) <= 2
    for u, expected in zip(first, alone, strict=True):
        torch.testing.assert_close(torch.tensor(u, dtype=torch.float64), expected)
