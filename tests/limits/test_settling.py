"""ep -> the gradient of the settled loss, ep = bptt step by step, chl = ep clamped hard."""

import math
from itertools import pairwise

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmark.credit.settling import inner, one_hot_targets, relaxation, settle
from tests.limits.settling import CASES, build, data, gap, network, update

both = pytest.mark.parametrize("case", list(CASES))
losses = pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
DEEP = {"free_steps": 120}


@both
@losses
@pytest.mark.parametrize(("nudging", "order"), [("one_sided", 1), ("symmetric", 2)])
def test_ep_tends_to_the_gradient_of_the_settled_loss(case, loss, nudging, order):
    """The error falls as beta (one-sided) and as beta^2 (symmetric): both slopes are measured."""
    x, y = data(case)
    net = network(case)
    truth = update(build("bptt", net, loss, free_steps=200, back_steps=80), x, y)
    betas = (0.02, 0.01, 0.005)
    options = {"nudging": nudging, "nudged_steps": 80, **DEEP}
    errors = [gap(update(build("ep", net, loss, beta=b, **options), x, y), truth) for b in betas]
    slopes = [math.log2(a / b) for a, b in pairwise(errors)]
    assert slopes == pytest.approx([order, order], abs=0.1)
    assert errors[-1] < 0.02


@both
def test_random_sign_is_one_of_the_two_one_sided_updates(case):
    x, y = data(case)
    net = network(case)
    sided = [update(build("ep", net, nudging="one_sided", beta=b), x, y) for b in (0.3, -0.3)]
    algorithm = build("ep", net, nudging="random_sign", beta=0.3)
    drawn = [update(algorithm, x, y) for _ in range(8)]  # one stream, drawn on from
    which = [[gap(u, one) < 1e-12 for one in sided] for u in drawn]
    assert all(sum(w) == 1 for w in which)
    assert {w.index(True) for w in which} == {0, 1}


@both
@losses
@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_truncated_ep_equals_bptt_step_by_step(case, loss, steps):
    """Ernoult et al. 2019, theorem 1: K nudged steps give K steps of backprop through time."""
    x, y = data(case)
    net = network(case)
    ep = build("ep", net, loss, beta=1e-4, nudged_steps=steps, **DEEP)
    bptt = build("bptt", net, loss, back_steps=steps, **DEEP)
    for name, a, b in zip(
        (n for n, _ in net.named_parameters()), update(ep, x, y), update(bptt, x, y), strict=True
    ):
        # Below the reach of K steps bptt's gradient is zero, and ep's must be, too.
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9, msg=f"{name}, {steps} steps")


@both
def test_truncated_updates_hold_inside_each_step_exactly(case):
    """The same with no beta at all: the derivative of ep's update in beta = 0, by forward mode."""
    x, y = data(case)
    net = network(case)
    ep, bptt = build("ep", net, **DEEP), build("bptt", net, back_steps=4, **DEEP)
    with torch.no_grad():
        free = settle(ep.phi(x), ep.rest(x), 120)
    target = one_hot_targets(y, 3, free[-1])

    def nudged(beta):
        with torch.enable_grad():
            phi = ep.phi(x)
        return settle(phi, free, 4, ep.output.nudge(target, beta))

    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    _, change = torch.func.jvp(nudged, (zero,), (one,))
    phi = ep.phi(x)
    hidden = phi.drives(free)  # with a graph to the weights, used both ways
    objective = -inner([c.detach() for c in change], hidden) / len(x)
    params = list(net.parameters())
    assert gap(torch.autograd.grad(objective, params), update(bptt, x, y)) < 1e-10


@both
def test_chl_is_ep_clamped_hard(case):
    """beta times ep's one-sided update tends to chl's as beta grows, with an error as 1 / beta.

    The strongly nudged state is found by damping the output layer, whose plain update would
    overshoot: s_L <- s_L + (sigma(u + beta (y - s_L)) - s_L) / (1 + beta).
    """
    x, y = data(case)
    net = network(case, activation="hard_sigmoid")
    chl = build("chl", net, clamped_steps=100, **DEEP)
    expected = update(chl, x, y)
    phi = chl.phi(x)
    errors = []
    for beta in (1e2, 1e3, 1e4):
        target = one_hot_targets(y, 3, x)
        with torch.no_grad():
            free = settle(phi, chl.rest(x), 120)
            s = free
            for _ in range(200):
                top = (phi.drives(s)[-1] + beta * target) / (1 + beta)  # clipped: y is in [0, 1]
                s = [*phi.step(s)[:-1], top.clamp(0, 1)]
        gain = (phi(free) - phi(s)) / len(x)
        ep = torch.autograd.grad(gain, list(net.parameters()), retain_graph=True)
        errors.append(gap(ep, expected))
    assert errors[0] > 5 * errors[1] > 25 * errors[2]
    assert errors[2] < 1e-3


@losses
@pytest.mark.parametrize(
    ("case", "activation"),
    [(c, a) for c in CASES for a in ("hard_sigmoid", "half_hard_sigmoid", "sigmoid")]
    + [("fc", "tanh")],  # under max-pooling, negative states may cycle
)
def test_the_settled_state_is_a_fixed_point_and_stationary_in_energy(case, loss, activation):
    x, _ = data(case)
    algorithm = build("ep", network(case, activation=activation), loss, free_steps=100)
    phi = algorithm.phi(x)
    trace = relaxation(phi, algorithm.rest(x), 100)
    assert trace.residual[-1] < 1e-6 < trace.residual[0]
    assert trace.distance[-1] == 0 and (trace.distance[:-1] > 0).any()
    assert torch.equal(
        algorithm.predict(x), algorithm.credit(x, torch.zeros(len(x), dtype=int)).logits
    )

    s = [s_k.detach().requires_grad_() for s_k in settle(phi, algorithm.rest(x), 100)]
    # dPhi/ds by autograd, from the definition of Phi written out, against the closed form.
    h = [x, *s]
    value = sum(
        (h[k + 1] * block.subsample(block.affine(h[k]))).sum() for k, block in enumerate(phi.blocks)
    )
    slopes = torch.autograd.grad(value, s, retain_graph=True)
    for own, slope in zip(phi.drives(s), slopes, strict=True):
        torch.testing.assert_close(own, slope)
    torch.testing.assert_close(phi(s), value)
    potential = sum(phi.sigma.potential(s_k).sum() for s_k in s)
    for k, g in enumerate(torch.autograd.grad(potential - value, s)):
        inside = (s[k] > 1e-3) & (s[k] < 1 - 1e-3)  # a clipped unit rests against its bound
        if activation == "tanh":
            inside = s[k].abs() < 1 - 1e-3
        assert inside.any() or k == len(s) - 1
        assert (g[inside].abs() < 1e-5).all()


@both
@losses
def test_vector_field_with_tied_weights_is_ep(case, loss):
    """With B = W: `same` gives both ep's update; the two `own` ones add up to it as beta -> 0."""
    x, y = data(case)
    net = network(case)
    options = {"beta": 1e-4, **DEEP}
    names = [name for name, _ in net.named_parameters()]
    ep = update(build("ep", net, loss, **options), x, y)
    expected = [u for u, name in zip(ep, names, strict=True) if name.endswith("weight")]
    weights = [p for name, p in net.named_parameters() if name.endswith("weight")]
    for updates in ("same", "own"):
        vf = build("ep_vf", net, loss, updates=updates, **options)
        for B, block in zip(vf.backward_weights, vf.settling[1:], strict=True):
            B.data.copy_(block.synapse.weight.data)
        grads = update(vf, x, y, [*weights, *vf.backward_weights])
        own, back = list(grads[: len(weights)]), grads[len(weights) :]
        for k, g in enumerate(back, 1):
            own[k] = (own[k] + g) / (2 if updates == "same" else 1)
            if updates == "same":
                torch.testing.assert_close(g, grads[k])
        assert gap(own, expected) < 1e-6


@both
def test_input_drive_is_computed_once(case):
    x, y = data(case)
    calls = []
    for name in ("ep", "ep_vf", "chl", "bptt"):
        algorithm = build(name, network(case), free_steps=12)
        with algorithm.net.blocks[0].synapse.register_forward_hook(lambda *a: calls.append(1)):
            algorithm.credit(x, y)
        assert len(calls) == 1, name
        calls.clear()


def test_dropped_units_are_silent_in_every_phase():
    x, y = data("fc")
    net = network("fc", dropout=0.5)
    algorithm = build("ep", net)
    net.renew_dropout(stream_of(6))
    free = settle(algorithm.phi(x), algorithm.rest(x), 10)
    first = [s == 0 for s in free[:-1]]
    again = algorithm.nudged(algorithm.phi(x), free, y, 0.5)
    assert all(0.2 < s.double().mean() < 0.8 for s in first)
    assert all(torch.equal(a, s == 0) for a, s in zip(first, again[:-1], strict=True))
    algorithm.eval()
    assert all((s != 0).all() for s in settle(algorithm.phi(x), algorithm.rest(x), 10))


def stream_of(seed):
    return torch.Generator().manual_seed(seed)


@both
def test_a_step_does_its_own_products_and_no_others(case):
    """Each hidden synapse once up and once down."""
    x, _ = data(case)
    algorithm = build("ep", network(case))
    phi, s = algorithm.phi(x), algorithm.rest(x)
    products = []

    class Count(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if func._schema.name in ("aten::mm", "aten::addmm", "aten::convolution"):
                products.append(func)
            return func(*args, **(kwargs or {}))

    with torch.no_grad(), Count():
        phi.step(s)
    assert len(products) == 2 * (len(phi.blocks) - 1)
