"""Identities of the feedback family."""

import copy
import math

import pytest
import torch
from torch import nn

from benchmark.algorithms.bp import BP
from benchmark.algorithms.dfa import DFA
from benchmark.algorithms.fa import FA
from benchmark.algorithms.ifa import IFA
from benchmark.algorithms.kp import KP
from benchmark.algorithms.sa import SA
from benchmark.algorithms.wm import WM
from benchmark.credit.estimation import NoisePhase
from benchmark.credit.feedback import Synapse, carriers, convert
from benchmark.networks import NETWORKS
from benchmark.networks.mlp import MLP
from benchmark.networks.resnet import ResNet20
from tests.oracle.tiny import data, network, updates

NETS = {
    "resnet20": ((3, 8, 8), {}),
    "resnet18": ((3, 32, 32), {}),
    "biotorch_lenet": ((3, 32, 32), {"channels": (3, 4, 5)}),
    "vgg": ((3, 8, 8), {"channels": (4, 5)}),
    "local_mnist": ((1, 8, 8), {}),
    "lenet": ((1, 28, 28), {}),
}


def build(name):
    shape, options = NETS[name]
    net = NETWORKS[name](shape, 10, torch.Generator().manual_seed(0), **options)
    x = torch.randn(4, *shape, generator=torch.Generator().manual_seed(1))
    return net, x, torch.tensor([0, 3, 7, 9])


def gradients(algorithm, x, y):
    weights = [p for n, p in algorithm.net.named_parameters() if not n.endswith(".B")]
    return torch.autograd.grad(algorithm.credit(x, y).objective, weights)


def feedback_is_forward(algorithm):
    for module in algorithm.net.modules():
        if isinstance(module, Synapse):
            module.B.data.copy_(module.weight.data)
    return algorithm


@pytest.mark.parametrize("name", list(NETS))
def test_converted_and_plain_networks_are_forward_equal_bit_for_bit(name):
    net, x, _ = build(name)
    converted = convert(net, lambda k, W: torch.randn_like(W))
    assert torch.equal(converted(x), net(x))
    assert torch.equal(converted.eval()(x), net.eval()(x))
    assert sum(isinstance(m, Synapse) for m in converted.modules()) > 2


@pytest.mark.parametrize("name", [name for name in NETS if name != "resnet18"])
def test_fa_with_feedback_equal_to_forward_weights_is_bp(name):
    """Through residual blocks, batch norm in training mode, pooling, and local connections."""
    net, x, y = build(name)
    net, x = net.double(), x.double()
    bp, fa = BP(copy.deepcopy(net)), feedback_is_forward(FA(net).double())
    for own, true in zip(gradients(fa, x, y), gradients(bp, x, y), strict=True):
        torch.testing.assert_close(own, true)


def test_fa_of_a_residual_network_is_not_bp_otherwise():
    net, x, y = build("resnet20")
    bp, fa = BP(copy.deepcopy(net)), FA(net)
    own, true = gradients(fa, x, y)[0], gradients(bp, x, y)[0]
    assert not torch.allclose(own, true, rtol=0.1)


def test_dfa_ifa_and_fa_coincide_with_one_hidden_layer():
    x, y, _ = data()
    rules = [cls(network(hidden=(5,))[0], classes=3).double() for cls in (DFA, IFA, FA)]
    B = rules[2].net.blocks[1].synapse.B
    for rule in rules[:2]:
        rule.B0.copy_(B)
    first, *others = [updates(rule, x, y) for rule in rules]
    for other in others:
        for a, b in zip(first, other, strict=True):
            torch.testing.assert_close(a, b)


def test_dfa_equals_fa_when_its_matrices_are_products_in_a_linear_network():
    """Without derivatives between them, B_k = B_L ... B_{k+1}."""
    x, y, _ = data()
    dfa = DFA(network(activation="linear")[0], classes=3).double()
    fa = FA(network(activation="linear")[0], classes=3).double()
    B2, B3 = (block.synapse.B for block in fa.net.blocks[1:])
    dfa.B0.copy_(B3 @ B2)
    dfa.B1.copy_(B3)
    for a, b in zip(updates(dfa, x, y), updates(fa, x, y), strict=True):
        torch.testing.assert_close(a, b)


def test_shared_dfa_reads_columns_of_one_matrix():
    x, y, _ = data()
    shared = DFA(network()[0], classes=3, feedback="shared").double()
    own = DFA(network()[0], classes=3).double()
    assert shared.B0.shape == (3, 5) and not hasattr(shared, "B1")
    own.B0.copy_(shared.B0)
    own.B1.copy_(shared.B0[:, :4] * math.sqrt(5 / 4))
    for a, b in zip(updates(shared, x, y), updates(own, x, y), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("decay", [0.1, 0.3])
def test_kp_difference_falls_geometrically_at_the_rate_of_the_decay(decay):
    x, y, _ = data()
    kp = KP(network()[0], classes=3).double()
    lr = 0.2
    optimizer = torch.optim.SGD(kp.param_groups(), lr=lr, weight_decay=decay)
    top = kp.net.blocks[2].synapse
    start = (top.weight - top.B).detach().clone()
    for step in range(1, 60):
        optimizer.zero_grad()
        kp.credit(x.view(-1, 1, 2, 3), y).objective.backward()
        optimizer.step()
        expected = start * (1 - lr * decay) ** step
        torch.testing.assert_close((top.weight - top.B).detach(), expected)


def angle(B, W):
    cosine = nn.functional.cosine_similarity(B.detach().flatten(), W.detach().flatten(), dim=0)
    return math.degrees(math.acos(cosine))


@pytest.mark.parametrize("shape", ["mlp", "conv"])
def test_mirror_phase_aligns_from_90_to_below_15_degrees(shape, monkeypatch):
    monkeypatch.setattr(WM, "current_epoch", 0)
    generator = torch.Generator().manual_seed(0)
    if shape == "mlp":
        net = MLP((1, 4, 4), 10, generator, hidden=[40, 30])
    else:
        net = NETWORKS["vgg"]((1, 8, 8), 10, generator, channels=(8, 12))
    wm = WM(net, noise=NoisePhase(before=300, samples=64))
    optimizer = torch.optim.SGD(wm.param_groups(), lr=0.05)
    optimizer.param_groups[1]["lr"] = 0.02
    assert len(wm.carriers) == 2
    before = [angle(s.B, s.weight) for s in wm.carriers]
    assert all(80 < a < 100 for a in before)
    weights = [s.weight.clone() for s in wm.carriers]
    x = torch.rand(2, *net.in_shape)
    for objective in wm.feedback_phase(x):
        optimizer.zero_grad()
        objective.backward()
        optimizer.step()
    assert all(angle(s.B, s.weight) < 15 for s in wm.carriers)
    assert all(torch.equal(w, s.weight) for w, s in zip(weights, wm.carriers, strict=True))


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.6, 1.2)])
def test_sa_converges_to_the_forward_weights(alpha, beta):
    sa = SA(network()[0], classes=3, self_=alpha, decay=beta).double()
    x, y, _ = data()
    optimizer = torch.optim.SGD(sa.feedback_weights(), lr=0.2)  # W stands still
    for _ in range(200):
        optimizer.zero_grad()
        sa.credit(x.view(-1, 1, 2, 3), y).objective.backward()
        optimizer.step()
    for s in sa.carriers:
        torch.testing.assert_close(s.B.detach(), alpha / beta * s.weight.detach())


def test_carriers_are_the_synapses_that_send_an_error_back():
    net, x, _ = build("resnet20")
    net = convert(net, lambda k, W: torch.randn_like(W))
    found = carriers(net, x)
    synapses = [m for m in net.modules() if isinstance(m, Synapse)]
    assert found == synapses[1:] and net.training
    assert all(s.seen is None and not s.observed and s.in_shape for s in found)


def test_only_zero_padding_converts():
    from benchmark.errors import UserError

    with pytest.raises(UserError, match="zero padding"):
        convert(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), lambda k, W: W)


def test_resnets_have_the_published_sizes():
    sizes = [
        sum(p.numel() for p in NETWORKS[name]((3, 32, 32), 10, torch.Generator()).parameters())
        for name in ("resnet20", "resnet56")
    ]
    assert [round(n / 1e6, 2) for n in sizes] == [0.27, 0.85]


def test_torchvision_blocks_fold_to_torchvisions_network():
    import torchvision

    net, x, _ = build("resnet18")
    plain = torchvision.models.resnet18(num_classes=10).to(memory_format=torch.channels_last)
    tensors = list(net.state_dict().values())
    plain.load_state_dict(dict(zip(plain.state_dict(), tensors, strict=True)))
    assert torch.equal(plain(x), net(x))


def test_residual_block_adds_the_padded_shortcut_before_its_nonlinearity():
    net, _, _ = build("resnet20")
    block = net.blocks[4].eval()  # 16 -> 32 channels, stride 2
    x = torch.randn(2, 16, 6, 6, generator=torch.Generator().manual_seed(0))
    c1, c2 = block.conv1.weight, block.conv2.weight
    scale = (1 + block.bn1.eps) ** -0.5  # batch norm at its start
    h = (nn.functional.conv2d(x, c1, stride=2, padding=1) * scale).clamp(min=0)
    shortcut = torch.zeros(2, 32, 3, 3)
    shortcut[:, 8:24] = x[:, :, ::2, ::2]
    expected = (nn.functional.conv2d(h, c2, padding=1) * scale + shortcut).clamp(min=0)
    torch.testing.assert_close(block(x), expected)


def test_option_b_shortcut_is_a_synapse():
    generator = torch.Generator().manual_seed(0)
    net = ResNet20((3, 8, 8), 10, generator, shortcut="conv")
    converted = convert(net, lambda k, W: torch.randn_like(W))
    assert sum(isinstance(m, Synapse) for m in converted.modules()) == 22
