"""Recurrent cells by hand in numbers, unrolled networks as flat graphs, and counts of steps."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmark.algorithms.bp import BP
from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.fa import FA
from benchmark.algorithms.usf import USF
from benchmark.engine.step_accuracy import StepAccuracy
from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.networks.convrnn import ConvRNN, ConvRNNFeedback
from benchmark.networks.recurrent import CELLS


def s(a):
    return 1 / (1 + np.exp(-a))


def elu(a):
    return np.where(a > 0, a, np.exp(np.minimum(a, 0)) - 1)


def by_hand(kind, w, x, T):
    """Activities of one unit on one pixel, step by step; w its weights in the cell's order."""
    h = c = 0.0
    out = []
    for _ in range(T):
        if kind == "time_decay":
            c = s(w[0]) * c + x
            h = elu(c)
        elif kind == "simple":
            h = elu(w[0] * h + x)
        elif kind == "gru":
            r, z = s(w[0] * x + w[1] * h), s(w[2] * x + w[3] * h)
            h = z * h + (1 - z) * elu(x + w[4] * r * h)
        elif kind == "lstm":
            i, f, o, g = (w[2 * k] * x + w[2 * k + 1] * h for k in range(4))
            c = s(f) * c + s(i) * np.tanh(g)
            h = s(o) * np.tanh(c)
        else:
            new = elu((1 - s(w[0] * c)) * c + (1 - s(w[1] * h)) * x)
            h = elu((1 - s(w[2] * h)) * h + (1 - s(w[3] * c)) * x)
            c = new
        out.append(h)
    return out


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_of_one_unit(kind):
    cell = CELLS[kind](1, nn.ELU(), 1).double()
    with torch.no_grad():
        for k, p in enumerate(cell.parameters()):
            p.copy_(torch.zeros_like(p) if p.dim() == 1 else torch.randn(p.shape) + k)
    w = torch.cat([p.flatten() for p in cell.parameters() if p.dim() != 1]).detach().numpy()
    x = torch.tensor([[[[0.7]]]], dtype=torch.float64)
    state, got = cell.start(x), []
    for _ in range(4):
        h, state = cell(x, state)
        got.append(h.item())
    np.testing.assert_allclose(got, by_hand(kind, w, 0.7, 4), rtol=1e-12)


def network(cls=ConvRNN, **options):
    generator = torch.Generator().manual_seed(0)
    return cls((1, 8, 8), 3, generator, channels=(2, 3), steps=3, **options).double()


def batch():
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x, torch.tensor([0, 1, 2, 1])


def flat(net, x, back=None):
    """The same network as one graph: every step of every layer written out."""
    one, two, read_out = net
    ELU = F.elu

    def reciprocal(cell, x, c, h):
        def gate(W, z):
            return 1 - torch.sigmoid(F.conv2d(z, W.weight, W.bias, padding=1))

        return (
            ELU(gate(cell.W_cc, c) * c + gate(cell.W_hc, h) * x),
            ELU(gate(cell.W_hh, h) * h + gate(cell.W_ch, c) * x),
        )

    c1 = h1 = torch.zeros(len(x), 2, 8, 8, dtype=x.dtype)
    c2 = h2 = torch.zeros(len(x), 3, 4, 4, dtype=x.dtype)
    scores, top = [], None
    for _ in range(3):
        x1 = F.conv2d(x, one.conv.weight, one.conv.bias, padding=1)
        if back is not None and top is not None:
            up = F.conv2d(top, back.weight, back.bias)
            x1 = x1 + up.repeat_interleave(4, 2).repeat_interleave(4, 3)
        c1, h1 = reciprocal(one.cell, x1, c1, h1)
        x2 = F.conv2d(F.max_pool2d(h1, 2), two.conv.weight, two.conv.bias, padding=1)
        c2, h2 = reciprocal(two.cell, x2, c2, h2)
        top = F.max_pool2d(h2, 2)
        scores.append(read_out.linear(top.flatten(1)))
    return torch.stack(scores, 1)


@pytest.mark.parametrize("long_range", [False, True])
def test_backprop_through_time_is_autograd_on_the_flat_graph(long_range):
    net, (x, y) = network(ConvRNNFeedback if long_range else ConvRNN), batch()
    bp = BP(net, classes=3).double()
    whole = net.blocks[0] if long_range else None
    layers = [*whole.layers, whole.read_out] if long_range else net.blocks
    scores = flat(layers, x, whole.back if long_range else None)
    torch.testing.assert_close(net.each_step(x), scores)
    torch.testing.assert_close(net(x), scores[:, -1])
    params = list(net.parameters())
    own = torch.autograd.grad(bp.credit(x, y).objective, params)
    theirs = torch.autograd.grad(F.cross_entropy(scores[:, -1], y), params)
    assert all(g.abs().sum() > 0 for g in theirs)
    for a, b in zip(own, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_fa_sends_the_error_through_time_by_its_own_weights():
    """With B = W in every synapse, the recurrent ones too, it is bp; as drawn it is not."""
    (x, y), nets = batch(), [network() for _ in range(3)]
    bp, fa, drawn = BP(nets[0], classes=3), FA(nets[1], classes=3), FA(nets[2], classes=3)
    for synapse in (m for m in fa.modules() if hasattr(m, "B")):
        synapse.B.data.copy_(synapse.weight)
    grads = []
    for rule in (bp, fa, drawn):
        rule.double()
        weights = [p for name, p in rule.net.named_parameters() if not name.endswith("B")]
        grads.append(torch.autograd.grad(rule.credit(x, y).objective, weights))
    assert len([m for m in fa.modules() if hasattr(m, "B")]) == 2 * (1 + 4) + 1
    for a, b, c in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)
        assert c.shape == a.shape
    assert not torch.allclose(grads[0][0], grads[2][0])


def test_dfa_sends_each_step_an_error_of_its_own():
    net, (x, y) = network(), batch()
    dfa = DFA(net, classes=3).double()
    assert [dfa.get_buffer(f"B{k}").shape[1] for k in range(2)] == [3 * 2 * 16, 3 * 3 * 4]
    first = next(net.parameters())
    (got,) = torch.autograd.grad(dfa.credit(x, y).objective, [first])
    e = (net(x).softmax(1) - torch.eye(3, dtype=x.dtype)[y]).detach()
    h = net.blocks[0](x)
    (expected,) = torch.autograd.grad((h * (e @ dfa.B0).view_as(h)).sum() / 4, [first])
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("rule", [USF, FA, BP])
def test_rules_of_any_network_take_the_way_back_too(rule):
    net, (x, y) = network(ConvRNNFeedback), batch()
    answer = rule(net, classes=3).double().credit(x, y)
    assert answer.objective.requires_grad and answer.logits.shape == (4, 3)
    with pytest.raises(UserError, match="no chain of blocks"):
        DFA(network(ConvRNNFeedback), classes=3)


def test_time_decay_without_decay_is_a_feedforward_network():
    net, (x, _) = network(cell="time_decay"), batch()
    for layer in list(net.blocks)[:2]:
        layer.cell.decay.data.fill_(-1e9)
    scores = net.each_step(x)
    for t in range(3):
        torch.testing.assert_close(scores[:, t], scores[:, 0], rtol=0, atol=0)


def test_a_networks_own_steps_are_no_looks():
    """A network that happens to have ``steps``, and no each_step, is evaluated as any other."""
    net = network(ConvRNNFeedback)
    bp = BP(net, classes=3)
    bp.on_test_epoch_start()
    assert bp.step_accuracy is not None
    plain = NETWORKS["mlp"]((1, 8, 8), 3, torch.Generator(), hidden=[4])
    plain.steps = 7
    bp = BP(plain, classes=3)
    bp.on_test_epoch_start()
    assert bp.step_accuracy is None


def test_bad_numbers_are_one_line():
    for name in ("convrnn", "convrnn_feedback"):
        with pytest.raises(UserError, match="poolings leave nothing"):
            NETWORKS[name]((1, 4, 4), 3, torch.Generator(), channels=(2, 2, 2))
        with pytest.raises(UserError, match="even"):
            NETWORKS[name]((1, 8, 8), 3, torch.Generator(), channels=(2,), kernel=2)


def test_steps_are_counted_by_hand():
    """Two samples: one is sure and right at once, the other never sure, right at the end."""
    sure, torn = torch.tensor([9.0, 0]), torch.tensor([0.1, 0])
    scores = torch.stack([torch.stack([sure, sure, -sure]), torch.stack([torn, torn, -torn])])
    counts = StepAccuracy(3)
    counts.update(scores, torch.tensor([0, 1]))
    found = counts.compute()
    assert [found[f"acc_step{t}"] for t in (1, 2, 3)] == [50, 50, 50]
    assert (found["acc_conf90"], found["steps_conf90"]) == (100, 2)  # steps 1 and 3
    assert (found["acc_conf50"], found["steps_conf50"]) == (50, 1)
