"""Traits are proved by perturbation: what a rule claims not to read is changed, and nothing moves.

Every claim has both sides: the update stays where a rule claims not to read something, and moves
where it claims to. All in float64, on three hidden layers that are wider than what a step sends
through them, so that weights can be changed without a change of any answer that they give.
"""

import copy
import re
import sys
from dataclasses import replace

import pytest
import torch

from benchmark.algorithms import ALGORITHMS
from benchmark.algorithms.families.population import Population
from benchmark.credit.feedback import Synapse
from benchmark.errors import UserError
from benchmark.networks import NETWORKS
from benchmark.streams import stream
from benchmark.suite.rows.row import build_algorithm
from benchmark.traits import repeats
from tests.conformance.rows import NETS, PLAIN, gradients, row_of

every = pytest.mark.parametrize("name", list(ALGORITHMS))
WIDE, HIDDEN = "--network.hidden=[200,200,200]", range(3)
N = 4  # samples
VARIANTS: dict[str, tuple[str, list[str]]] = {  # whose options change a trait
    "ff unsupervised": (
        "ff", ["--algorithm.data=unsupervised", "--algorithm.predict_by=readout"]
    ),
    "ff hard": ("ff", ["--algorithm.negatives=hard"]),
    "ff peer": ("ff", ["--algorithm.goodness.peer=0.1"]),
    "ep random sign": ("ep", ["--algorithm.nudging=random_sign"]),
    "ep_vf read out": ("ep_vf", ["--loss=cross_entropy"]),
    "wm quiet": ("wm", ["--algorithm.noise.before=0", "--algorithm.noise.every=0"]),
    "ia noisy": ("ia", ["--algorithm.noise.every=1", "--algorithm.noise.samples=20"]),
    "ia plain": ("ia", ["--algorithm.normalize=false"]),
    "classrbm generative": ("classrbm", ["--algorithm.objective=generative"]),
    "fg along weights": ("fg", ["--algorithm.along=weights"]),
    "dfc learned": ("dfc", ["--algorithm.feedback=learned"]),
    "fg local losses": ("fg", ["--algorithm.losses=local"]),
    "np decorrelated": ("np", ["--algorithm.decorrelation_lr=0.001"]),
    "wp decorrelated": ("wp", ["--algorithm.decorrelation_lr=0.001"]),
    "pepita normalized": ("pepita", ["--algorithm.normalize=batch"]),
}  # fmt: skip
CASES = {name: (name, []) for name in ALGORITHMS} | VARIANTS
cases = pytest.mark.parametrize("case", list(CASES))


def built(case):
    """A rule in float64 in its second step, with random values where it starts from zeros."""
    name, options = CASES[case]
    algorithm = build_algorithm(row_of(name, WIDE, *options), 0, (1, 4, 4), 10).double()
    algorithm._step = 1
    generator = stream(0, "values")
    for p in algorithm.parameters():
        if not p.any():
            p.data.normal_(0, 0.3, generator=generator)
    return algorithm


def batch(*path, labels=(3, 8, 1, 0)):
    x = torch.rand(N, 1, 4, 4, generator=stream(0, "x", *path), dtype=torch.float64)
    return x, torch.tensor(labels)


def update(algorithm, x, y, noise=0):
    """Gradients of one step, by parameter name; the weights stay as they are."""
    algorithm._noise = stream(0, "noise", noise)
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


def of_layers(*which):
    """Whether it is a forward weight of these blocks, or a bias of the units that it drives."""
    kinds = ("net.blocks.{}.synapse.weight", "net.blocks.{}.synapse.bias", "net.visible_biases.{}")
    return lambda name: name in {kind.format(k) for k in which for kind in kinds}


class Answers:
    """What a block's synapse was asked in a step, and what it answered: rows of inputs, outputs."""

    def __init__(self, algorithm, k):
        block = algorithm.net.blocks[k]
        self.synapse, self.asked = block.synapse, []
        self.given = [] if isinstance(algorithm, Population) else None
        self.then = block.activation  # what reads the answers of a perturbed synapse
        self._op = self.synapse.op if isinstance(self.synapse, Synapse) else None

    def __enter__(self):
        watched = [(self.synapse, self.asked)]
        if self.given is not None:
            watched.append((self.then, self.given))
        self._handles = [
            module.register_forward_pre_hook(lambda _, args, rows=rows: note(rows, args[0]))
            for module, rows in watched
        ]
        if self._op:
            self.synapse.op = self.ask
        return self

    def __exit__(self, *_):
        for handle in self._handles:
            handle.remove()
        if self._op:
            del self.synapse.op

    def ask(self, x, W):
        if W is self.synapse.weight:  # else the feedback weights are asked
            note(self.asked, x)
        return self._op(x, W)

    @property
    def inputs(self):
        return torch.cat(self.asked)

    def linear(self):
        """The answers without bias; of perturbed weights, where they are."""
        if self.given is not None:
            return torch.cat(self.given)
        return self.inputs @ self.synapse.weight.detach().T


def note(rows, x):
    if torch._C._functorch.is_batchedtensor(x):  # of a population: the rows of all
        at = torch._C._functorch.maybe_get_bdim(x)
        x = torch._C._functorch.get_unwrapped(x).movedim(at, 0).flatten(0, 1)
    rows.append(x.detach().flatten(1).clone())


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
        W.data += change * (10 * ratio.median() if sign_changes else 0.9 * ratio.min())
        own = of_layers(*range(k, len(algorithm.net.blocks)))
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


def reads_label(algorithm, x, y):
    before, after = update(algorithm, x, y), update(algorithm, x, (y + 1) % 10)
    return bool(moved(before, after, of_blocks(*HIDDEN)))


def reads_error(algorithm, x, y):
    """All weights above the first layer are drawn anew: does its update move?"""
    before = update(algorithm, x, y)
    for k in range(1, len(algorithm.net.blocks)):
        W = weight(algorithm, k)
        W.data += 0.3 * torch.randn(W.shape, generator=stream(0, "W", k), dtype=W.dtype)
    return bool(moved(before, update(algorithm, x, y), of_blocks(0)))


def reads_above(algorithm, x, y):
    """Layer k is changed, and the one above it so that its answers stay the same, and with them all
    that follows: do updates below layer k move?"""
    return any(
        moved_by_layer(copy.deepcopy(algorithm), k, x, y)
        for k in range(1, len(algorithm.net.blocks) - 1)
    )


def moved_by_layer(algorithm, k, x, y):
    with Answers(algorithm, k + 1) as answers:
        before = update(algorithm, x, y)
    W, compensating = weight(algorithm, k), weight(algorithm, k + 1)
    given = answers.linear()
    W.data += 0.1 * torch.randn(W.shape, generator=stream(0, "W"), dtype=W.dtype)
    for _ in range(4):  # what a second pass asks is known once the first one's answers are right
        with Answers(algorithm, k + 1) as answers:
            after = update(algorithm, x, y)
        held = answers.linear()
        lacking = given - held
        compensating.data += torch.linalg.lstsq(answers.inputs, lacking).solution.T
    if not algorithm.traits.relaxes and algorithm.traits.networks != "samples":  # can be held
        torch.testing.assert_close(held, given, rtol=0, atol=1e-9)
    return bool(moved(before, after, of_blocks(*range(k))))


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


@cases
def test_backward_pass(case):
    """Whether derivatives that came through a layer cross a synapse below the output's."""
    algorithm, crossings = built(case), []

    def watch(module, args):
        if torch.is_grad_enabled() and args[0].grad_fn is not None:
            crossings.append(module)

    for block in list(algorithm.net.blocks)[:-1]:
        block.synapse.register_forward_pre_hook(watch)
    update(algorithm, *batch())
    assert bool(crossings) == algorithm.traits.backward_pass


@cases
def test_second_pass(case):
    """How many samples the second layer answers in a step."""
    algorithm = built(case)
    answered = []
    synapse = algorithm.net.blocks[1].synapse
    synapse.register_forward_pre_hook(lambda _, args: answered.append(len(args[0])))
    update(algorithm, *batch())
    assert (sum(answered) > N) == algorithm.traits.second_pass


@cases
def test_noise(case):
    algorithm = built(case)
    x, y = batch()
    first, again, *others = (update(algorithm, x, y, noise) for noise in (0, 0, 1, 2, 3, 4))
    assert not moved(first, again)
    assert any(moved(first, other) for other in others) == algorithm.traits.noise


@cases
def test_batch(case):
    """A sum over samples: what one sample adds is the same whatever the other one is."""
    algorithm = built(case)
    a, b = batch(), batch("other", labels=(5, 1, 7, 2))

    def of(first, second):
        """Of the first samples of one batch, and the last of the other."""
        return update(algorithm, *(torch.cat([first[i][:1], second[i][1:]]) for i in (0, 1)))

    left = moved_sum(of(a, a), of(b, b))
    right = moved_sum(of(a, b), of(b, a))
    assert bool(moved(left, right)) == algorithm.traits.batch


def moved_sum(one, other):
    return {name: one[name] + other[name] for name in one}


def own_feedback(algorithm):
    """Trained parameters beside the forward weights, with running correlations (buffers R0, R1 ..),
    and the fixed feedback: buffers B, F."""
    learned = {
        name: p for name, p in algorithm.named_parameters()
        if name.startswith("net.") is name.endswith(".B")
    }  # fmt: skip
    learned |= {name: R for name, R in algorithm.named_buffers() if re.fullmatch(r"R\d+", name)}
    fixed = {
        name: b for name, b in algorithm.named_buffers()
        if name.rpartition(".")[2].rstrip("0123456789") in ("B", "F")
    }  # fmt: skip
    return learned, fixed


@cases
def test_feedback(case):
    """Feedback weights of its own are changed: do the updates of hidden layers move?

    Refreshed ones are set again in each step: here their signs are turned, which must not last.
    """
    algorithm = built(case)
    x, y = batch()
    before = update(algorithm, x, y)
    found = []
    for tensors in own_feedback(algorithm):
        kept = {name: t.detach().clone() for name, t in tensors.items()}
        for t in tensors.values():
            t.data *= -1
        found.append(bool(moved(before, update(algorithm, x, y), of_blocks(*HIDDEN))))
        refreshed = any(not torch.equal(t, -kept[name]) for name, t in tensors.items())
        for name, t in tensors.items():
            t.data = kept[name]
    learned, fixed = found
    expected = {
        "none": (False, False, False),
        "fixed": (False, True, False),
        "refreshed": (False, False, True),
        "learned": (True, False, False),
    }[algorithm.traits.feedback]
    assert (learned, fixed, refreshed) == expected


@every
def test_networks(name):
    """Whether a rule takes a step on plain, residual and settling networks, or refuses them."""
    kinds = {
        "mlp": "any blocks", "resnet20": "any", "hopfield": "any blocks settles",
        "rbm": "any blocks samples",
    }  # fmt: skip
    x, y = torch.rand(2, 3, 8, 8, generator=stream(0, "x")), torch.tensor([3, 8])
    for network, kind in kinds.items():
        net = NETWORKS[network]((3, 8, 8), 10, stream(0, "init"))
        if ALGORITHMS[name].traits.networks in kind.split():
            algorithm = ALGORITHMS[name](net)
            algorithm._step = 1  # no phases before training
            gradients(algorithm, x, y)
        else:
            with pytest.raises(UserError):
                ALGORITHMS[name](net)


@every
def test_origin(name):
    cls = ALGORITHMS[name]
    said = " ".join(f"{sys.modules[cls.__module__].__doc__} {cls.__doc__}".split())
    assert f"{cls.traits.paper} {cls.traits.year}" in said


def test_family():
    """Rules with a base in families/ are of one family."""
    common = {
        base
        for cls in ALGORITHMS.values()
        for base in cls.__mro__
        if ".families." in base.__module__
    }
    assert common
    for base in common:
        derived = [cls for cls in ALGORITHMS.values() if issubclass(cls, base)]
        assert len({cls.traits.family for cls in derived}) == 1, base


def test_a_class_says_for_itself_that_its_steps_are_the_same():
    rule = ALGORITHMS["dfa"]
    silent = type("Silent", (rule,), {})
    loud = type("Loud", (rule,), {"traits": rule.traits})
    nets = (NETWORKS["mlp"]((1, 4, 4), 10, stream(0, "init")) for _ in range(4))
    assert [repeats(cls(net)) for cls, net in zip((rule, silent, loud), nets, strict=False)] == [
        True, False, True,
    ]  # fmt: skip
    unsaid = rule(next(nets))
    unsaid.traits = replace(unsaid.traits, same_steps=False)
    assert not repeats(unsaid)


@every
def test_a_class_has_the_traits_of_its_default_options(name):
    """A network that settles has the loss mse, by which its output is a layer as all others."""
    kind = ALGORITHMS[name].traits.networks
    net = NETWORKS[NETS.get(kind, PLAIN)[0]]((1, 4, 4), 10, stream(0, "init"))
    algorithm = ALGORITHMS[name](net, loss="mse" if kind == "settles" else "cross_entropy")
    assert algorithm.traits == ALGORITHMS[name].traits
