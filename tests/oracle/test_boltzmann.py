"""Boltzmann machines by hand: states enumerated, statistics of samples, exact gradients."""

from itertools import pairwise, product

import pytest
import torch

from benchmark.algorithms.cd import CD
from benchmark.algorithms.classrbm import ClassRBM
from benchmark.networks.rbm import RBM
from tests.oracle.tiny import data

CLASSES = 3


def every(n):
    """All states of n binary units, ``[2^n, n]``."""
    return torch.tensor([*product((0.0, 1.0), repeat=n)], dtype=torch.float64)


def built(rule, hidden=(4,), **options):
    generator = torch.Generator().manual_seed(3)
    net = RBM((1, 2, 3), CLASSES, generator, hidden=hidden)
    for p in net.parameters():
        p.data.normal_(0, 0.8, generator=generator)
    algorithm = rule(net, classes=CLASSES, **options).double()
    algorithm._noise = torch.Generator().manual_seed(5)
    return algorithm


def parts(algorithm, k=0):
    """W, b, c of a machine."""
    synapse = algorithm.net.blocks[k].synapse
    return synapse.weight.detach(), algorithm.net.visible_biases[k].detach(), synapse.bias.detach()


def gradients(algorithm, objective, k=0):
    synapse, b = algorithm.net.blocks[k].synapse, algorithm.net.visible_biases[k]
    wanted = [synapse.weight, b, synapse.bias]
    return torch.autograd.grad(objective, wanted, retain_graph=True)


def sample(p, draws):
    return (torch.rand(p.shape, generator=draws, dtype=p.dtype) < p).double()


def statistics(v, W, c):
    """<h v>, <v>, <h>."""
    h = (v @ W.T + c).sigmoid()
    return h.T @ v / len(v), v.mean(0), h.mean(0)


def test_free_energy_is_the_sum_over_hidden_states():
    cd = built(CD)
    W, b, c = parts(cd)
    v, h = every(6), every(4)
    energies = -(v @ b)[:, None] - (h @ c)[None] - v @ W.T @ h.T
    torch.testing.assert_close(cd.machines[0].free_energy(v), -energies.neg().logsumexp(1))


@pytest.mark.parametrize("steps", [1, 3])
def test_cd_update(steps):
    cd = built(CD, hidden=(4, 5), steps=steps)
    x, y, one_hot = data()
    credit = cd.credit(x.view(-1, 1, 2, 3), y)

    draws, v = torch.Generator().manual_seed(5), x
    for k in range(2):
        W, b, c = parts(cd, k)
        v_model = v
        for _ in range(steps):
            h = sample((v_model @ W.T + c).sigmoid(), draws)
            v_model = sample((h @ W + b).sigmoid(), draws)
        pairs = zip(statistics(v_model, W, c), statistics(v, W, c), strict=True)
        for own, (model, of_data) in zip(gradients(cd, credit.objective, k), pairs, strict=True):
            torch.testing.assert_close(own, model - of_data)
        v = (v @ W.T + c).sigmoid()
    readout = cd.net.blocks[-1].synapse
    error = (v @ readout.weight.T + readout.bias).softmax(1) - one_hot
    (own,) = torch.autograd.grad(credit.objective, [readout.weight])
    torch.testing.assert_close(own, error.T @ v / len(x))


def exact(machine, p_data, v):
    """Gradients of -log-likelihood under the distribution ``p_data`` over all states v."""
    F = machine.free_energy(v)
    p_model = (-F).softmax(0).detach()
    return ((p_data - p_model) * F).sum()


def transition(W, b, c, v):
    """P(v' | v) of one round of sampling, over all states: the hidden ones are summed out."""
    h = every(len(c))
    up = torch.where(
        h.bool()[None], (v @ W.T + c).sigmoid()[:, None], 1 - (v @ W.T + c).sigmoid()[:, None]
    )
    down = torch.where(
        v.bool()[None], (h @ W + b).sigmoid()[:, None], 1 - (h @ W + b).sigmoid()[:, None]
    )
    return up.prod(2) @ down.prod(2)


def test_cd_k_tends_to_the_gradient_of_the_likelihood():
    """Expected over all its samples, CD-k is as far from it as k rounds are from equilibrium."""
    cd = built(CD)
    (machine,), (W, b, c), v = cd.machines, parts(cd), every(6)
    p_data = torch.rand(64, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    p_data /= p_data.sum()
    T = transition(W, b, c, v)
    torch.testing.assert_close(T.sum(1), torch.ones(64).double())
    wanted = torch.cat([g.flatten() for g in gradients(cd, exact(machine, p_data, v))])
    distances, p = [], p_data
    for _ in range(40):
        p = p @ T
        objective = ((p_data - p) * machine.free_energy(v)).sum()
        found = torch.cat([g.flatten() for g in gradients(cd, objective)])
        distances.append((found - wanted).norm() / wanted.norm())
    assert all(b < a for a, b in pairwise(distances[:10]))
    assert distances[0] > 0.03 and distances[-1] < 1e-9


def test_samples_are_those_of_the_transition():
    cd = built(CD)
    W, b, c = parts(cd)
    v, draws = every(6), torch.Generator().manual_seed(11)
    start = v[[37]].expand(40_000, 6)
    reached = cd.machines[0].gibbs(start, 1, draws) @ (2.0 ** torch.arange(5, -1, -1).double())
    frequency = torch.bincount(reached.long(), minlength=64).double() / len(start)
    assert (frequency - transition(W, b, c, v)[37]).abs().sum() < 0.05


def test_chains_go_on_where_they_are():
    pcd = built(CD, chains=8)
    x, y, _ = data()
    W, b, c = parts(pcd)
    chain, draws = pcd.chain0.clone(), torch.Generator().manual_seed(5)
    for _ in range(3):
        credit = pcd.credit(x.view(-1, 1, 2, 3), y)
        chain = sample((sample((chain @ W.T + c).sigmoid(), draws) @ W + b).sigmoid(), draws)
        assert torch.equal(pcd.chain0, chain)
        pairs = zip(statistics(chain, W, c), statistics(x, W, c), strict=True)
        for own, (model, of_data) in zip(gradients(pcd, credit.objective), pairs, strict=True):
            torch.testing.assert_close(own, model - of_data)


def label_energies(rule, v, y, h):
    """E(y, v, h) for every pair of a (v, y) and an h."""
    W, b, c = parts(rule)
    U, d = rule.net.blocks[-1].synapse.weight.detach().T, rule.net.blocks[-1].synapse.bias.detach()
    Y = torch.eye(CLASSES, dtype=v.dtype)[y]
    return -(v @ b + Y @ d)[:, None] - h @ c - (v @ W.T + Y @ U.T) @ h.T


def test_classrbm_probabilities_are_sums_over_hidden_states():
    rule = built(ClassRBM)
    x, y, _ = data()
    joint = [
        label_energies(rule, x, torch.full_like(y, k), every(4)).neg().logsumexp(1)
        for k in range(CLASSES)
    ]
    p = torch.stack(joint, 1).softmax(1)
    torch.testing.assert_close(rule.predict(x.view(-1, 1, 2, 3)).softmax(1), p)
    torch.testing.assert_close(
        rule.free_energy(x, y), -torch.stack(joint, 1).gather(1, y[:, None])[:, 0]
    )


def test_classrbm_discriminative_update():
    """dL/dW_ji = sum_y (p(y | v) - [y is the label]) sigma(c_j + U_jy + W_j v) v_i."""
    rule = built(ClassRBM, objective="discriminative")
    x, y, one_hot = data()
    W, _, c = parts(rule)
    U = rule.net.blocks[-1].synapse.weight.detach()
    o = ((x @ W.T + c)[:, None] + U).sigmoid()  # [N, classes, H]
    error = rule.predict(x.view(-1, 1, 2, 3)).softmax(1).detach() - one_hot
    dc = (error[:, :, None] * o).sum(1)
    objective = rule.credit(x.view(-1, 1, 2, 3), y).objective
    synapse, label = (rule.net.blocks[k].synapse for k in (0, -1))
    wanted = [synapse.weight, synapse.bias, label.weight, label.bias]
    by_hand = [dc.T @ x / 6, dc.mean(0), (error[:, :, None] * o).mean(0), error.mean(0)]
    for own, hand in zip(torch.autograd.grad(objective, wanted), by_hand, strict=True):
        torch.testing.assert_close(own, hand)


def test_classrbm_generative_update():
    rule = built(ClassRBM, objective="generative", steps=2)
    x, y, one_hot = data()
    W, b, c = parts(rule)
    label = rule.net.blocks[-1].synapse
    U, d = label.weight.detach(), label.bias.detach()
    draws, v, Y = torch.Generator().manual_seed(5), x, one_hot
    for _ in range(2):
        h = sample((v @ W.T + c + Y @ U).sigmoid(), draws)
        v = sample((h @ W + b).sigmoid(), draws)
        classes = torch.multinomial((h @ U.T + d).softmax(1), 1, generator=draws)[:, 0]
        Y = torch.eye(CLASSES, dtype=x.dtype)[classes]
    objective = rule.credit(x.view(-1, 1, 2, 3), y).objective
    wanted = [
        rule.net.blocks[0].synapse.weight,
        rule.net.visible_biases[0],
        label.weight,
        label.bias,
    ]
    own = torch.autograd.grad(objective, wanted)

    def of(v, Y):
        h = (v @ W.T + c + Y @ U).sigmoid()
        return h.T @ v / len(v), v.mean(0), Y.T @ h / len(v), Y.mean(0)

    for a, model, of_data in zip(own, of(v, Y), of(x, one_hot), strict=True):
        torch.testing.assert_close(a, model - of_data)


def test_hybrid_is_the_sum_and_sparsity_lowers_the_hidden_biases_by_so_much():
    x, y, _ = data()

    def gradient(**options):
        rule = built(ClassRBM, **options)
        objective = rule.credit(x.view(-1, 1, 2, 3), y).objective
        return torch.autograd.grad(objective, [*rule.net.parameters()], materialize_grads=True)

    kinds = ("discriminative", "generative", "hybrid")
    discriminative, generative, hybrid = (gradient(objective=k, alpha=0.3) for k in kinds)
    for h, d, g in zip(hybrid, discriminative, generative, strict=True):
        torch.testing.assert_close(h, d + 0.3 * g)
    sparse = built(ClassRBM, sparsity=0.01)
    names = [name for name, _ in sparse.net.named_parameters()]
    for name, a, b in zip(names, gradient(alpha=0.3, sparsity=0.01), hybrid, strict=True):
        lowered = sparse.optim.lr * (a - b)
        expected = 0.01 if name == "blocks.0.synapse.bias" else 0.0
        torch.testing.assert_close(lowered, torch.full_like(lowered, expected))
