"""es and ga by hand, in float64: one network after the other, by plain forward passes."""

import pytest
import torch
import torch.nn.functional as F

from benchmark.algorithms.es import ES
from benchmark.algorithms.ga import GA
from benchmark.credit.perturbation import LowRank, centred_ranks
from benchmark.errors import UserError
from benchmark.streams import stream
from tests.oracle.tiny import assert_updates, data, network

NAMES = [f"blocks.{k}.synapse.weight" for k in range(3)]


def loss_of(weights, x, y):
    *hidden, W = weights
    for V in hidden:
        x = (x @ V.T).relu()
    return F.cross_entropy(x @ W.T, y)


def made(rule, hidden=(5, 4), loss="cross_entropy", **options):
    net, W = network(hidden=hidden)
    algorithm = rule(net, loss=loss, **options).double()
    algorithm._noise = stream(0, "noise")
    return algorithm, W


def proposed(algorithm, n):
    """The perturbations of the next step, as matrices, without drawing from its noise."""
    state = algorithm.noise.get_state()
    deltas = algorithm.propose(algorithm.noise, n)
    algorithm.noise.set_state(state)
    matrices = [deltas[name] for name in NAMES if name in deltas]
    return [d.a @ d.b.mT if isinstance(d, LowRank) else d for d in matrices]


def fitnesses(W, deltas, x, y):
    n = len(deltas[0])
    each = [[V + d[i] for V, d in zip(W, deltas, strict=True)] for i in range(n)]
    return [-loss_of(weights, x, y).item() for weights in each]


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("shaping", ["ranks", "none"])
@pytest.mark.parametrize("chunk", [3, 256])
def test_es_sums_perturbations_by_the_fitness_of_their_pairs(rank, shaping, chunk):
    n, sigma, (x, y, _) = 8, 0.3, data()
    options = {"pairs": n, "sigma": sigma, "rank": rank, "shaping": shaping, "chunk": chunk}
    algorithm, W = made(ES, **options)
    deltas = proposed(algorithm, 2 * n)
    assert all(torch.equal(d[n:], -d[:n]) for d in deltas)
    u = fitnesses(W, deltas, x, y)
    if shaping == "ranks":
        u = [sum(other < f for other in u) / (2 * n - 1) - 0.5 for f in u]
    expected = [
        -sum((u[i] - u[n + i]) * d[i] / sigma for i in range(n)) / (2 * n * sigma) for d in deltas
    ]
    assert_updates(algorithm, x, y, expected)


def test_ranks_of_equal_fitnesses_are_equal():
    ranks = centred_ranks(torch.tensor([2.0, 1.0, 2.0, -torch.inf, 5.0]))
    assert ranks.tolist() == [0.125, -0.25, 0.125, -0.5, 0.5]


def test_low_rank_is_full_for_the_same_perturbations():
    x, y, _ = data()
    algorithm, _ = made(ES, rank=1)
    deltas = algorithm.propose(algorithm.noise, 6)
    assert any(isinstance(d, LowRank) for d in deltas.values())
    dense = {k: d.a @ d.b.mT if isinstance(d, LowRank) else d for k, d in deltas.items()}
    x = x.view(-1, 1, 2, 3)
    torch.testing.assert_close(
        algorithm.fitness(x, y, deltas), algorithm.fitness(x, y, dense), rtol=1e-12, atol=0
    )


def test_the_perturbations_of_a_low_rank_have_unit_covariance():
    algorithm, _ = made(ES, rank=2, sigma=1.0, hidden=(40, 30))
    d = algorithm.propose(algorithm.noise, 4000)[NAMES[1]]
    assert isinstance(d, LowRank)
    eps = (d.a @ d.b.mT)[:, :2, :3].flatten(1)
    torch.testing.assert_close(
        eps.T @ eps / len(eps), torch.eye(6, dtype=eps.dtype), rtol=0, atol=0.1
    )


def stepped(algorithm, x, y):
    """One step of plain sgd with lr 1; the fitness of the network before and after it."""
    x = x.view(-1, 1, 2, 3)
    optimizer = torch.optim.SGD(algorithm.parameters(), lr=1.0, fused=True)
    credit = algorithm.credit(x, y)
    before = -algorithm.reference(x, y).item()
    optimizer.zero_grad()
    credit.objective.backward()
    optimizer.step()
    algorithm.after_step(credit)
    return before, -algorithm.reference(x, y).item()


@pytest.mark.parametrize("crossover", [0.0, 1.0])
def test_ga_takes_the_fittest_and_keeps_the_next_as_parents(crossover):
    x, y, _ = data()
    options = {"population": 12, "parents": 4, "elites": 2, "crossover": crossover}
    algorithm, W = made(GA, **options, sigma=0.3)
    for generation in range(3):
        algorithm._noise = stream(0, "noise", generation)
        deltas = proposed(algorithm, 12)
        own = fitnesses(W, deltas, x, y)
        order = sorted(range(12), key=lambda i: -own[i])[:4]
        expected = [[V + d[i] for V, d in zip(W, deltas, strict=True)] for i in order]
        stepped(algorithm, x, y)
        W = [p.detach().clone() for p in algorithm.parameters()]
        for k, D in enumerate(algorithm.D.values()):
            assert torch.equal(W[k], expected[0][k])
            assert not D[0].any()
            parents = torch.stack([weights[k] for weights in expected])
            torch.testing.assert_close(W[k] + D, parents, rtol=0, atol=1e-14)


def test_children_are_mutated_parents():
    """With hardly a mutation, each weight of a child is that of a parent: of one parent without
    crossover, of two with it."""
    for crossover, most in ((0.0, 1), (1.0, 2)):
        options = {"population": 300, "parents": 5, "elites": 1, "crossover": crossover}
        algorithm, _ = made(GA, **options, sigma=1e-9)
        for D in algorithm.D.values():
            D.copy_(torch.arange(5.0).view(-1, *[1] * (D.dim() - 1)).expand_as(D))
        deltas = algorithm.propose(algorithm.noise, 300)
        genes = torch.cat([d.flatten(1) for d in deltas.values()], 1)
        assert torch.equal(genes[0], torch.zeros_like(genes[0]))  # the elite
        of = [set(child.round().int().tolist()) for child in genes[1:]]
        assert max(map(len, of)) == most
        assert set().union(*of) == {0, 1, 2, 3, 4}


def test_on_one_batch_the_fittest_never_gets_worse():
    x, y, _ = data()
    algorithm, _ = made(GA, population=6, parents=3, sigma=1.0)
    seen = []
    for generation in range(30):
        algorithm._noise = stream(0, "noise", generation)
        seen.append(stepped(algorithm, x, y))
    assert all(after >= before for before, after in seen)
    assert seen[-1][1] > seen[0][0]
    assert any(after == before for before, after in seen)  # where no child was fitter


def test_a_population_too_small_for_its_elites_is_refused():
    with pytest.raises(UserError, match="elites"):
        made(GA, population=10, parents=20)
