"""Traits are proved by perturbation: what a rule claims not to read is changed, and nothing moves.

Every claim has both sides: the update stays where a rule claims not to read something, and moves
where it claims to. All in float64, on three hidden layers that are wider than what a step sends
through them, so that weights can be changed without a change of any answer that they give.
"""

from dataclasses import replace

import pytest
import torch

from benchmark.algorithm import Algorithm
from benchmark.algorithms import ALGORITHMS, families
from benchmark.credit.feedback import Synapse
from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.streams import stream
from benchmark.suite.rows.row import build_algorithm
from benchmark.traits import Traits, repeats
from tests.conformance.rows import gradients, row_of

every = pytest.mark.parametrize("name", list(ALGORITHMS))
WIDE = "--network.hidden=[160,160,160]"
N = 2  # samples
OPTIONS: dict[str, tuple[str, list[str]]] = {
    "ff unsupervised": ("ff", ["data=unsupervised", "predict_by=readout"]),
    "ff hard": ("ff", ["negatives=hard"]),
    "ff peer": ("ff", ["goodness.peer=0.1"]),
    "ep random sign": ("ep", ["nudging=random_sign"]),
    "wm quiet": ("wm", ["noise.before=0", "noise.every=0"]),
    "ia noisy": ("ia", ["noise.every=1", "noise.samples=20"]),
    "ia plain": ("ia", ["normalize=false"]),
    "pepita normalized": ("pepita", ["normalize=batch"]),
}
CASES = {name: (name, []) for name in ALGORITHMS} | OPTIONS
CASES["ep_vf read out"] = ("ep_vf", ["--loss=cross_entropy"])
cases = pytest.mark.parametrize("case", list(CASES))


def built(case):
    """A rule in float64 in its second step, with random values where it starts from zeros."""
    name, options = CASES[case]
    said = [o if o.startswith("--") else f"--algorithm.{o}" for o in options]
    algorithm = build_algorithm(row_of(name, WIDE, *said), 0, (1, 4, 4), 10).double()
    algorithm._step = 1
    generator = stream(0, "values")
    for p in algorithm.parameters():
        if not p.any():
            p.data.normal_(0, 0.3, generator=generator)
    return algorithm


def batch(*path, labels=(3, 8)):
    x = torch.rand(N, 1, 4, 4, generator=stream(0, "x", *path), dtype=torch.float64)
    return x, torch.tensor(labels)


def update(algorithm, x, y, noise=0):
    """Gradients of one step, by parameter name; the weights stay as they are."""
    algorithm.begin_step(stream(0, "noise", noise))
    names = {p: name for name, p in algorithm.named_parameters()}
    return {names[p]: g for p, g in gradients(algorithm, x, y)[1].items()}


def moved(a, b, only=lambda name: True):
    """The names of the updates that differ by more than rounding."""
    assert a.keys() == b.keys()
    scale = {name: max(g.abs().max(), 1e-12) for name, g in a.items()}
    return {n for n in a if only(n) and (a[n] - b[n]).abs().max() > 1e-9 * scale[n]}


def weight(algorithm, k):
    return algorithm.net.blocks[k].synapse.weight


def of_blocks(*which):
    """Whether a parameter is a forward weight of these blocks."""
    return lambda name: name in {f"net.blocks.{k}.synapse.weight" for k in which}


def hidden(algorithm):
    """The numbers of the hidden blocks."""
    layers = len(algorithm.net.blocks)
    return range(layers if ALGORITHMS["ff"] in type(algorithm).__mro__ else layers - 1)


class Answers:
    """What a block's synapse was asked in a step, and what it answered: rows of inputs, outputs."""

    def __init__(self, algorithm, k):
        self.synapse, self.asked = algorithm.net.blocks[k].synapse, []
        self._op = self.synapse.op if isinstance(self.synapse, Synapse) else None

    def __enter__(self):
        self._handle = self.synapse.register_forward_pre_hook(lambda _, args: self.note(args[0]))
        if self._op:
            self.synapse.op = lambda x, W: self.note(x) or self._op(x, W)
        return self

    def __exit__(self, *_):
        self._handle.remove()
        if self._op:
            del self.synapse.op

    def note(self, x):
        self.asked.append(x.detach().flatten(1).clone())

    @property
    def inputs(self):
        return torch.cat(self.asked)


def unasked(algorithm, k, x, y):
    """A change of W_k that alters no answer of its synapse in this step: it is orthogonal to all
    inputs. It is nonzero for a few units, which keeps the smallest change that flips a sign big."""
    with Answers(algorithm, k) as answers:
        update(algorithm, x, y)
    W = weight(algorithm, k)
    _, s, basis = torch.linalg.svd(answers.inputs, full_matrices=True)
    rank = int((s > 1e-12 * s[0]).sum())
    assert rank < W.shape[1], "too narrow: no direction is left that the step does not use"
    free = basis[rank:]
    change = torch.zeros_like(W)
    units = range(0, len(W), max(1, len(W) // 8))
    for i in units:
        change[i] = free.T @ torch.randn(len(free), generator=stream(0, i), dtype=W.dtype)
    return change


def transported(algorithm, x, y, sign_changes):
    """The blocks whose forward weights the updates of other parameters read."""
    before, found = update(algorithm, x, y), set()
    for k in range(1, len(algorithm.net.blocks)):
        W = weight(algorithm, k)
        kept, change = W.detach().clone(), unasked(algorithm, k, x, y)
        ratio = (kept / change).abs()[change != 0]
        W.data += change * (10 * ratio.max() if sign_changes else 0.9 * ratio.min())
        own = of_blocks(k, *range(k, len(algorithm.net.blocks)))
        if moved(before, update(algorithm, x, y), lambda name, own=own: not own(name)):
            found.add(k)
        W.data = kept
        update(algorithm, x, y)  # what is refreshed from the weights is theirs again
    return found


@cases
def test_transport(case):
    """W_k is changed where no input of the step goes: every answer of layer k stays the same."""
    algorithm = built(case)
    x, y = batch()
    above, output = set(range(1, len(algorithm.net.blocks))), {len(algorithm.net.blocks) - 1}
    subtle, coarse = (transported(algorithm, x, y, signs) for signs in (False, True))
    expected = {
        "none": (set(), set()),
        "signs": (set(), above),
        "output": (output, output),
        "weights": (above, above),
    }[algorithm.traits.transport]
    assert (subtle, coarse) == expected


def level(algorithm, x, y):
    """What the updates of the hidden layers read of all that could teach them."""
    if reads_above(algorithm, x, y):
        return "above"
    before = update(algorithm, x, y)
    for k in hidden(algorithm)[1:]:
        if moved_by_all_above(algorithm, x, y, before, k):
            return "error"
    return "label" if reads_label(algorithm, x, y) else "none"


def reads_label(algorithm, x, y):
    before, after = update(algorithm, x, y), update(algorithm, x, (y + 1) % 10)
    return bool(moved(before, after, of_blocks(*hidden(algorithm))))


def reads_error(algorithm, x, y):
    """All weights above the first layer are drawn anew: does its update move?"""
    before = update(algorithm, x, y)
    for k in range(1, len(algorithm.net.blocks)):
        W = weight(algorithm, k)
        W.data += 0.3 * torch.randn(W.shape, generator=stream(0, "W", k), dtype=W.dtype)
    return bool(moved(before, update(algorithm, x, y), of_blocks(0)))


def reads_above(algorithm, x, y):
    """The layer above is changed, and the one above that so that its answers stay the same, and
    with them all that follows: does the update of the first layer move?"""
    with Answers(algorithm, 2) as answers:
        before = update(algorithm, x, y)
    W, compensating = weight(algorithm, 1), weight(algorithm, 2)
    kept, given = compensating.detach().clone(), answers.inputs @ compensating.detach().T
    W.data += 0.1 * torch.randn(W.shape, generator=stream(0, "W"), dtype=W.dtype)
    for _ in range(4):  # a second pass is known once the first is
        with Answers(algorithm, 2) as answers:
            after = update(algorithm, x, y)
        lacking = given - answers.inputs @ kept.T
        compensating.data = kept + torch.linalg.lstsq(answers.inputs, lacking).solution.T
    if algorithm.traits.networks != "settles":  # nothing can be held where all settle together
        torch.testing.assert_close(answers.inputs @ compensating.detach().T, given)
    return bool(moved(before, after, of_blocks(0)))


@cases
def test_teacher(case):
    x, y = batch()
    reads = {
        "label": reads_label(built(case), x, y),
        "error": reads_error(built(case), x, y),
        "above": reads_above(built(case), x, y),
    }
    order = ["none", "label", "error", "above"]
    claimed = order.index(built(case).traits.teacher)
    assert reads == {what: order.index(what) <= claimed for what in reads}
