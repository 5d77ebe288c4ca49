"""The autograd functions of asymmetric synapses equal the one plain line, everywhere."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from benchmark.credit.feedback import asymmetric, convert, learn
from benchmark.networks.local import LocallyConnected2d

CASES = {
    "linear": (lambda bias: nn.Linear(5, 4, bias=bias), (3, 5)),
    "linear on sequences": (lambda bias: nn.Linear(5, 4, bias=bias), (3, 2, 5)),
    "conv": (lambda bias: nn.Conv2d(2, 4, 3, bias=bias), (3, 2, 6, 6)),
    "strided grouped dilated conv": (
        lambda bias: nn.Conv2d(2, 4, 3, stride=2, padding=2, dilation=2, groups=2, bias=bias),
        (3, 2, 7, 7),
    ),
}
every = pytest.mark.parametrize("bias", [False, True])
cases = pytest.mark.parametrize("case", list(CASES))


def synapse_of(case, bias, learned=False):
    make, shape = CASES[case]
    generator = torch.Generator().manual_seed(0)
    layer = make(bias).double()
    for p in layer.parameters():
        p.data.normal_(generator=generator)
    synapse = convert(layer, lambda k, W: torch.randn(W.shape, generator=generator).to(W))
    if learned:
        learn(synapse, shares_update=True)
    x = torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
    return synapse, x


def plain(synapse, x, B):
    if isinstance(synapse, nn.Linear):
        return asymmetric(F.linear, x, synapse.weight, B, synapse.bias)
    return asymmetric(
        lambda x, W, b: F.conv2d(x, W, b, *synapse.geometry), x, synapse.weight, B, synapse.bias
    )


@every
@cases
@pytest.mark.parametrize("learned", [False, True])
def test_fast_path_equals_the_plain_line(case, bias, learned):
    synapse, x = synapse_of(case, bias, learned)
    wanted = [x, *synapse.parameters()]
    fast, slow = synapse(x), plain(synapse, x, synapse.B)
    assert torch.equal(fast, slow) or torch.allclose(fast, slow, rtol=1e-14)
    delta = torch.randn_like(fast)
    own = torch.autograd.grad(fast, wanted, delta)
    for a, b in zip(own, torch.autograd.grad(slow, wanted, delta), strict=True):
        torch.testing.assert_close(a, b)
    assert not torch.allclose(own[0], torch.autograd.grad(_symmetric(synapse, x), x, delta)[0])


def _symmetric(synapse, x):
    return plain(synapse, x, synapse.weight)


def _loss(weights, synapse, x):
    return torch.func.functional_call(synapse, weights, (x,)).sin().sum()


@cases
def test_fast_path_under_vmap_equals_a_loop(case):
    """Three populations with weights, feedback and inputs of their own."""
    synapse, x = synapse_of(case, True)
    generator = torch.Generator().manual_seed(1)
    stacked = {
        name: torch.randn(3, *t.shape, generator=generator, dtype=t.dtype)
        for name, t in synapse.state_dict().items()
    }
    xs = torch.randn(3, *x.shape, generator=generator, dtype=x.dtype)
    grad = torch.func.grad(_loss, argnums=(0, 2))
    together = torch.func.vmap(lambda w, x: grad(w, synapse, x))(stacked, xs)
    for i in range(3):
        weights = {name: t[i] for name, t in stacked.items()}
        leaves = {k: v.clone().requires_grad_(k != "B") for k, v in weights.items()}
        own_x = xs[i].clone().requires_grad_()
        op_weights = {k: v for k, v in leaves.items() if k != "B"}
        with_weights = torch.nn.utils.stateless._reparametrize_module(synapse, leaves)
        with with_weights:
            plain(synapse, own_x, leaves["B"]).sin().sum().backward()
        for name, leaf in op_weights.items():
            torch.testing.assert_close(together[0][name][i], leaf.grad)
        torch.testing.assert_close(together[1][i], own_x.grad)


@pytest.mark.parametrize("case", ["linear", "strided grouped dilated conv"])
def test_fast_path_compiles(case):
    synapse, x = synapse_of(case, True)
    compiled = torch.compile(synapse, backend="aot_eager", fullgraph=True)
    wanted = [x, *synapse.parameters()]
    own = torch.autograd.grad(compiled(x).sin().sum(), wanted)
    expected = torch.autograd.grad(plain(synapse, x, synapse.B).sin().sum(), wanted)
    for a, b in zip(own, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_locally_connected_layer_with_equal_weights_is_a_convolution():
    generator = torch.Generator().manual_seed(0)
    local = LocallyConnected2d((2, 7, 6), 3, 3, stride=2, padding=1).double()
    kernel = torch.randn(3, 2, 3, 3, generator=generator, dtype=torch.float64)
    local.weight.data.copy_(kernel.flatten(1).expand_as(local.weight))
    local.bias.data.copy_(torch.arange(3.0).expand_as(local.bias))
    x = torch.randn(4, 2, 7, 6, generator=generator, dtype=torch.float64)
    expected = F.conv2d(x, kernel, torch.arange(3.0, dtype=torch.float64), 2, 1)
    torch.testing.assert_close(local(x), expected)


def test_locally_connected_feedback_adjoint_and_correlation():
    """<B x, y> = <x, B^T y> = n <B, y x^T>."""
    generator = torch.Generator().manual_seed(0)
    layer = LocallyConnected2d((2, 7, 6), 3, 3, stride=2, padding=1).double()
    synapse = convert(layer, lambda k, W: torch.randn(W.shape, generator=generator).to(W))
    synapse.in_shape = (2, 7, 6)
    x = torch.randn(4, 2, 7, 6, generator=generator, dtype=torch.float64)
    y = torch.randn(4, 3, *layer.out_size, generator=generator, dtype=torch.float64)
    product = (synapse.op(x, synapse.B) * y).sum()
    torch.testing.assert_close((x * synapse.adjoint(y, synapse.B)).sum(), product)
    torch.testing.assert_close(4 * (synapse.B * synapse.correlation(x, y)).sum(), product)
