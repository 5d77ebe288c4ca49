"""PEPITA and its relatives by hand: two hidden layers, and the conv net of the paper."""

import pytest
import torch
import torch.nn.functional as F

from benchmark.algorithms.afa import AFA
from benchmark.algorithms.pepita import PEPITA
from benchmark.algorithms.pepita_hebbian import PEPITAHebbian
from benchmark.algorithms.pepita_tl import PEPITATL
from benchmark.algorithms.pepita_video import PEPITAVideo
from benchmark.networks.conv import PepitaConv
from tests.oracle.tiny import assert_updates, data, network, updates


def relu(a):
    return a.clamp(min=0)


def hidden(x, W1, W2, norm=lambda h: h):
    h1 = norm(relu(x @ W1.T))
    return h1, norm(relu(h1 @ W2.T))


def built(cls, samples=6, **options):
    net, W = network()
    x, y, t = data(samples)
    return cls(net, classes=3, feedback_scale=0.5, **options).double(), W, x, y, t


@pytest.mark.parametrize("samples", [2, 6])  # fewer than the classes, and more
@pytest.mark.parametrize("which", ["first", "second"])
@pytest.mark.parametrize("sign", ["plus", "minus"])
def test_pepita_update(which, sign, samples):
    options = {"output_error_from": which, "feedback_sign": sign}
    pepita, (W1, W2, W3), x, y, t = built(PEPITA, samples, **options)
    h1, h2 = hidden(x, W1, W2)
    e = (h2 @ W3.T).softmax(1) - t
    x_err = x + e @ pepita.F if sign == "plus" else x - e @ pepita.F
    h1_err, h2_err = hidden(x_err, W1, W2)
    e_out = e if which == "first" else (h2_err @ W3.T).softmax(1) - t
    n = len(x)
    expected = [(h1 - h1_err).T @ x_err / n, (h2 - h2_err).T @ h1_err / n, e_out.T @ h2_err / n]
    assert_updates(pepita, x, y, expected)


@pytest.mark.parametrize("how", ["batch", "sample"])
def test_pepita_update_with_normalization(how):
    pepita, (W1, W2, W3), x, y, t = built(PEPITA, normalize=how)

    def norm(h):
        squares = (h * h).sum() if how == "batch" else (h * h).sum(1, keepdim=True)
        return h / squares.sqrt().clamp(min=1e-8)  # a sample's layer may be silent

    h1, h2 = hidden(x, W1, W2, norm)
    x_err = x + ((h2 @ W3.T).softmax(1) - t) @ pepita.F
    h1_err, h2_err = hidden(x_err, W1, W2, norm)
    e = (h2_err @ W3.T).softmax(1) - t
    n = len(x)
    expected = [(h1 - h1_err).T @ x_err / n, (h2 - h2_err).T @ h1_err / n, e.T @ h2_err / n]
    assert_updates(pepita, x, y, expected)
    scores = pepita.predict(x.view(-1, 1, 2, 3))
    torch.testing.assert_close(scores, h2 @ W3.T)


@pytest.mark.parametrize("samples", [2, 6])
def test_afa_update(samples):
    afa, (W1, W2, W3), x, y, t = built(AFA, samples)
    h1, h2 = hidden(x, W1, W2)
    e = (h2 @ W3.T).softmax(1) - t
    d1 = (x @ W1.T > 0) * (e @ afa.F @ W1.T)
    d2 = (h1 @ W2.T > 0) * (d1 @ W2.T)
    n = len(x)
    assert_updates(afa, x, y, [-d1.T @ x / n, -d2.T @ h1 / n, e.T @ h2 / n])


def test_pepita_hebbian_update():
    hebbian, (W1, W2, W3), x, y, t = built(PEPITAHebbian)
    h1, h2 = hidden(x, W1, W2)
    p = (h2 @ W3.T).softmax(1)
    x_err = x + (p - t) @ hebbian.F
    g1, g2 = hidden(x_err, W1, W2)
    n = len(x)
    expected = [
        (h1.T @ x - g1.T @ x_err) / n,
        (h2.T @ h1 - g2.T @ g1) / n,
        (p.T @ h2 - t.T @ g2) / n,
    ]
    assert_updates(hebbian, x, y, expected)


def test_pepita_tl_steps_between_its_passes():
    tl, (W1, W2, W3), x, y, t = built(PEPITATL)
    images, lr, n = x.view(-1, 1, 2, 3), 0.1, len(x)
    weights = [block.synapse.weight for block in tl.net.blocks]
    h1, h2 = hidden(x, W1, W2)
    p = (h2 @ W3.T).softmax(1)
    (first,) = tl.feedback_phase(images)
    first = torch.autograd.grad(first, weights)
    for got, expected in zip(first, [h1.T @ x / n, h2.T @ h1 / n, p.T @ h2 / n], strict=True):
        torch.testing.assert_close(got, expected)
    with torch.no_grad():
        for w, g in zip(weights, first, strict=True):
            w -= lr * g
    W1, W2 = (w.detach() for w in weights[:2])
    x_err = x + (p - t) @ tl.F
    g1, g2 = hidden(x_err, W1, W2)
    second = torch.autograd.grad(tl.credit(images, y).objective, weights)
    expected = [-g1.T @ x_err / n, -g2.T @ g1 / n, -t.T @ g2 / n]
    for got, want in zip(second, expected, strict=True):
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("average", ["mean", "published"])
def test_pepita_convolution(average):
    """The authors' conv net: correlations averaged over positions and batch, and batch again."""
    generator = torch.Generator().manual_seed(0)
    net = PepitaConv((1, 8, 8), 3, generator, channels=2)
    pepita = PEPITA(
        net, classes=3, output_error_from="first", feedback_scale=0.5, conv_update=average
    ).double()
    K, W = (block.synapse.weight for block in pepita.net.blocks)
    x = torch.rand(4, 1, 8, 8, generator=generator, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0])
    t = torch.eye(3, dtype=torch.float64)[y]

    def forward(z):
        h = relu(F.conv2d(z, K.detach()))
        return h, F.max_pool2d(h, 2).flatten(1)

    h, pooled = forward(x)
    e = (pooled @ W.detach().T).softmax(1) - t
    x_err = x + (e @ pepita.F).view_as(x)
    h_err, pooled_err = forward(x_err)
    dK = torch.zeros_like(K)
    for i in range(5):
        for j in range(5):
            patch = x_err[:, 0, i : i + 4, j : j + 4]
            dK[:, 0, i, j] = torch.einsum("nchw,nhw->c", h - h_err, patch) / (16 * 4)
    dK = dK / 4 if average == "published" else dK
    got = torch.autograd.grad(pepita.credit(x, y).objective, [K, W])
    torch.testing.assert_close(got[0], dK)
    torch.testing.assert_close(got[1], e.T @ pooled_err / 4)


@pytest.mark.parametrize("presynaptic", ["mean", "second"])
def test_pepita_video_update(presynaptic):
    """Frames 0, 2, 4 are clean; frames 1, 3, 5 carry the error of the one before."""
    video, (W1, W2, W3), x, y, t = built(PEPITAVideo, presynaptic=presynaptic)
    video.frames = 2
    first, following = x[::2], x[1::2]
    h1, h2 = hidden(first, W1, W2)
    x_err = following + ((h2 @ W3.T).softmax(1) - t[::2]) @ video.F
    h1_err, h2_err = hidden(x_err, W1, W2)
    m0, m1 = (first + x_err) / 2, (h1 + h1_err) / 2
    if presynaptic == "second":
        m0, m1 = x_err, h1_err
    e = (h2_err @ W3.T).softmax(1) - t[1::2]
    expected = [(h1 - h1_err).T @ m0 / 3, (h2 - h2_err).T @ m1 / 3, e.T @ h2_err / 3]
    assert_updates(video, x, y, expected)
    logits = video.credit(x.view(-1, 1, 2, 3), y).logits
    torch.testing.assert_close(logits[::2], h2 @ W3.T)
    torch.testing.assert_close(logits[1::2], h2_err @ W3.T)


def test_pepita_video_is_pepita_on_clips_that_stand_still_and_on_images():
    pepita, _, x, y, _ = built(PEPITA)
    video, *_ = built(PEPITAVideo, presynaptic="second")
    assert_updates(video, x, y, updates(pepita, x, y))
    video.frames = 2
    clips, labels = x.repeat_interleave(2, 0), y.repeat_interleave(2)
    assert_updates(video, clips, labels, updates(pepita, x, y))
