"""Rules that try out perturbations: by hand with the noise they draw, and in the mean of many."""

import pytest
import torch
import torch.nn.functional as F

from benchmark.algorithms.bp import BP
from benchmark.algorithms.dgl import DGL
from benchmark.algorithms.fg import FG
from benchmark.algorithms.np import NP
from benchmark.algorithms.wp import WP
from benchmark.credit.decorrelation import Decorrelation
from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.streams import stream
from tests.oracle.tiny import assert_updates, data, network, updates


def built(cls, noise=0, **options):
    net, W = network(activation="tanh")
    x, y, t = data()
    rule = cls(net, classes=3, **options).double()
    rule._noise = stream(0, "noise", noise)
    return rule, W, x, y, t


def drawn(noise, *shapes):
    generator = stream(0, "noise", noise)
    return [
        torch.empty(shape, dtype=torch.float64).normal_(generator=generator) for shape in shapes
    ]


def losses(W, x, y, noise=(0, 0, 0)):
    W1, W2, W3 = W
    h1 = torch.tanh(x @ W1.T + noise[0])
    h2 = torch.tanh(h1 @ W2.T + noise[1])
    return F.cross_entropy(h2 @ W3.T + noise[2], y, reduction="none")


def clean(W, x):
    h1 = torch.tanh(x @ W[0].T)
    return x, h1, torch.tanh(h1 @ W[1].T)


def test_np_update():
    sigma = 0.01
    np, W, x, y, _ = built(NP, sigma=sigma)
    xi = drawn(0, (6, 5), (6, 4), (6, 3))
    gain = (losses(W, x, y, [sigma * k for k in xi]) - losses(W, x, y)) / sigma
    pairs = zip(xi, clean(W, x), strict=True)
    assert_updates(np, x, y, [(gain[:, None] * k).T @ h / 6 for k, h in pairs])


def test_fg_update():
    fg, W, x, y, _ = built(FG)
    xi = drawn(0, (6, 5), (6, 4), (6, 3))
    zero = [torch.zeros_like(k, requires_grad=True) for k in xi]
    g = torch.autograd.grad(losses(W, x, y, zero).sum(), zero)
    d = sum((a * b).sum(1) for a, b in zip(g, xi, strict=True))
    pairs = zip(xi, clean(W, x), strict=True)
    assert_updates(fg, x, y, [(d[:, None] * k).T @ h / 6 for k, h in pairs])


def test_fg_update_along_weights():
    fg, W, x, y, _ = built(FG, along="weights")
    Psi = drawn(0, *(w.shape for w in W))
    leaves = [w.clone().requires_grad_() for w in W]
    g = torch.autograd.grad(losses(leaves, x, y).mean(), leaves)
    d = sum((a * b).sum() for a, b in zip(g, Psi, strict=True))
    assert_updates(fg, x, y, [d * p for p in Psi])


def test_fg_update_with_local_losses():
    """Along the slope of each layer's own loss; heads and output by their gradient."""
    fg, W, x, y, t = built(FG, losses="local")
    xi = drawn(0, (6, 5), (6, 4))
    below, expected, heads = x, [], []
    for w, head, xi_k in zip(W, fg.heads, xi, strict=False):
        A, h = head.weight.detach(), torch.tanh(below @ w.T)
        e = (h @ A.T).softmax(1) - t
        d = (((e @ A) * (1 - h * h)) * xi_k).sum(1, keepdim=True)
        expected.append((d * xi_k).T @ below / 6)
        heads.append(e.T @ h / 6)
        below = h
    e = (below @ W[2].T).softmax(1) - t
    assert_updates(fg, x, y, [*expected, e.T @ below / 6])
    fg._noise = stream(0, "noise", 0)
    objective = fg.credit(x.view(-1, 1, 2, 3), y).objective
    own = torch.autograd.grad(objective, [head.weight for head in fg.heads])
    for g, by_hand in zip(own, heads, strict=True):
        torch.testing.assert_close(g, by_hand)


def test_no_edge_leads_between_layers_with_losses_of_their_own():
    """All weights and heads above a layer are drawn anew: its update stays, to the last bit."""
    fg, _, x, y, _ = built(FG, losses="local")
    before = updates(fg, x, y)
    for k in (1, 0):
        for module in (*fg.blocks[k + 1 :], *fg.heads[k + 1 :]):
            for p in module.parameters():
                p.data.normal_(generator=stream(0, "other", k))
        fg._noise = stream(0, "noise", 0)
        for j, (now, then) in enumerate(zip(updates(fg, x, y), before, strict=True)):
            assert torch.equal(now, then) == (j <= k)


def test_local_losses_along_weights_are_refused():
    with pytest.raises(UserError, match="leave out one"):
        built(FG, losses="local", along="weights")


def test_the_heads_of_local_losses_learn_beside_the_network():
    fg, *_ = built(FG, losses="local")
    (group,) = fg.param_groups()
    assert {id(p) for p in group["params"]} == {id(p) for p in fg.parameters()}


def test_wp_update():
    sigma = 0.01
    wp, W, x, y, _ = built(WP, sigma=sigma)
    Psi = drawn(0, *(w.shape for w in W))
    moved = [w + sigma * p for w, p in zip(W, Psi, strict=True)]
    gain = (losses(moved, x, y).mean() - losses(W, x, y).mean()) / sigma
    assert_updates(wp, x, y, [gain * p for p in Psi])


def decorrelated(R, z, eta):
    C = z.T @ z / len(z)
    return R - eta * (C - torch.diag(C.diag())) @ R


@pytest.mark.parametrize(("cls", "options"), [(NP, {"sigma": 0.01}), (WP, {"sigma": 0.01})])
def test_layers_that_read_decorrelated_inputs(cls, options):
    """After two steps of R_k by hand, the layers compute W_k R_k h_{k-1}, and predict so too."""
    eta = 0.1
    rule, W, x, y, _ = built(cls, decorrelation_lr=eta, **options)
    R = [torch.eye(w.shape[1], dtype=torch.float64) for w in W]
    for _ in range(2):
        h, new = x, []
        for w, r in zip(W, R, strict=True):
            z = h @ r.T
            new.append(decorrelated(r, z, eta))
            h = torch.tanh(z @ w.T)
        R = new
        rule.after_step(rule.credit(x.view(-1, 1, 2, 3), y))
        rule._noise = stream(0, "noise", 0)
    for module, r in zip(rule.decorrelations, R, strict=True):
        torch.testing.assert_close(module.get_buffer("R"), r)
    combined = [w @ r for w, r in zip(W, R, strict=True)]
    *_, h2 = clean(combined, x)
    torch.testing.assert_close(rule.predict(x.view(-1, 1, 2, 3)), h2 @ combined[2].T)
    if cls is NP:
        xi = drawn(0, (6, 5), (6, 4), (6, 3))
        gain = losses(combined, x, y, [0.01 * k for k in xi]) - losses(combined, x, y)
        read = [h @ r.T for h, r in zip(clean(combined, x), R, strict=True)]
        pairs = zip(xi, read, strict=True)
        assert_updates(rule, x, y, [(gain[:, None] * k).T @ h / 0.06 for k, h in pairs])


def test_decorrelation_converges_to_uncorrelated_units():
    x, *_ = data(n=50)
    R = Decorrelation(6, 0.1).double()
    for _ in range(2000):
        R.update(R(x))
    C = R(x).T @ R(x) / len(x)
    assert (C - torch.diag(C.diag())).abs().max() < 1e-6 * C.diag().max()


def test_decorrelation_needs_fully_connected_layers():
    net = NETWORKS["lenet"]((1, 28, 28), 10, stream(0, "init"))
    with pytest.raises(UserError, match="decorrelation_lr"):
        WP(net, decorrelation_lr=0.1)


def off(cls, draws, noise, limit=BP, **options):
    """Distance of the estimate from the gradient, relative to its size."""
    rule, _, x, y, _ = built(cls, noise, draws=draws, **options)
    own, exact = updates(rule, x, y), updates(built(limit)[0], x, y)
    flat = [torch.cat([g.flatten() for g in grads]) for grads in (own, exact)]
    return ((flat[0] - flat[1]).norm() / flat[1].norm()).item()


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (NP, {"sigma": 1e-6}), (FG, {}), (FG, {"along": "weights"}), (WP, {"sigma": 1e-6}),
        (FG, {"losses": "local", "limit": DGL}),
    ],
)  # fmt: skip
def test_the_mean_of_many_draws_is_the_gradient(cls, options):
    """And the error of n draws falls as 1 / sqrt(n): by 4 for 16 times as many."""
    few, many = (sum(off(cls, n, k, **options) for k in range(8)) / 8 for n in (20, 320))
    assert 3 < few / many < 5.3 and many < 0.7


@pytest.mark.parametrize(("cls", "along"), [(NP, "activities"), (WP, "weights")])
def test_np_and_wp_tend_to_the_forward_gradients(cls, along):
    """Of the same noise, as its size falls: the difference is O(sigma)."""
    x, y, _ = data()
    fg = updates(built(FG, along=along)[0], x, y)
    gaps = []
    for sigma in (1e-2, 1e-3):
        own = updates(built(cls, sigma=sigma)[0], x, y)
        gaps.append(max((a - b).abs().max() for a, b in zip(own, fg, strict=True)))
    assert 5 < gaps[0] / gaps[1] < 20


@pytest.mark.parametrize("cls", [NP, WP])
def test_no_noise_is_refused(cls):
    with pytest.raises(UserError, match="sigma"):
        built(cls, sigma=0.0)
