"""Steps that are not the same: each is stopped by one line, or else repeated as it is."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.errors import UserError
from benchmark.speed import repeated
from benchmark.speed.replay import Replay, prove

PER_EPOCH = 20


class Rule(nn.Module):
    """Descends |k W x|^2, with a factor k of its own.

    Attributes:
        clock: step and epoch of the loop, which counts them.
    """

    fused = True

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        random.seed(0)
        self.W = nn.Parameter(torch.ones(3, 2))
        self.register_buffer("b", torch.ones(()))
        self.n, self.c, self.last = 0, 1.0, torch.ones(4, 2)
        self.many, self.table = [], {}
        self.helper, self.array = SimpleNamespace(n=0), np.ones(())
        self.optimizer = torch.optim.SGD([self.W], lr=0.1, momentum=0.9, fused=self.fused)
        self.clock = lambda: CLOCK

    def factor(self, x):
        return 1

    def step(self, x):
        self.W.grad = None
        loss = (self.factor(x) * x @ self.W.t()).square().mean()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


CLOCK = SimpleNamespace(step=0, epoch=0)
OWN = torch.Generator()
HIDDEN = [0]


def train(rule, steps, replayed=True):
    """Results of all steps, and the weights."""
    CLOCK.step = CLOCK.epoch = HIDDEN[0] = 0
    OWN.manual_seed(1)
    results, step = [], rule.step
    if replayed:
        step = repeated(rule.step, rule.optimizer, rule, lambda: CLOCK.epoch)
    for k in range(steps):
        CLOCK.epoch, CLOCK.step = k // PER_EPOCH, k
        x = torch.randn(4, 2, generator=torch.Generator().manual_seed(k))
        results.append(step(x))
    return [*results, rule.W.detach()]


CASES = {}


def case(stops):
    """A rule, and the step (the first is 1) at which it is stopped; None if it is repeated."""

    def add(factor):
        CASES[factor.__name__] = type(factor.__name__, (Rule,), {"factor": factor}), stops
        return factor

    return add


RECORDED, REPEATED = 2, 3  # the first steps of these kinds


@case(RECORDED)
def a_rebound_buffer(self, x):
    self.b = self.b + 1
    return self.b


@case(RECORDED)
def a_rebound_buffer_read_afterwards(self, x):
    k = 2 * self.b
    self.b = k.detach()
    return k


@case(None)
def a_tensor_rebound_but_not_read(self, x):
    self.last = x * 2
    return self.last.mean()


@case(RECORDED)
def a_parameter_replaced(self, x):
    k = self.W.detach().sum()
    self.W = nn.Parameter(self.W.detach() * 0.5)
    return k


@case(RECORDED)
def a_counter(self, x):
    self.n += 1
    return self.n


@case(RECORDED)
def a_counter_that_shows_only_later(self, x):
    self.n += 1
    return 2 if self.n == 1500 else 1


@case(5)
def a_counter_that_begins_later(self, x):
    self.n += self.clock().step >= 4
    return 1


@case(RECORDED)
def a_counter_in_a_helper(self, x):
    self.helper.n += 1
    return self.helper.n


@case(REPEATED)
def a_counter_out_of_sight(self, x):
    HIDDEN[0] += 1
    return HIDDEN[0]


@case(5)
def every_fourth_step(self, x):
    return 2 if self.clock().step % 4 == 0 else 1


@case(5)
def the_fourth_step(self, x):
    return 2 if self.clock().step == 4 else 1


@case(18)
def from_the_twelfth_step_on(self, x):
    return 2 if self.clock().step >= 12 else 1


@case(1002)
def from_step_700_on(self, x):
    return 2 if self.clock().step >= 700 else 1


@case(PER_EPOCH + 1)
def the_first_step_of_an_epoch(self, x):
    return 2 if self.clock().step % PER_EPOCH == 0 else 1


@case(PER_EPOCH + 1)
def the_epochs_coefficient(self, x):
    return 0.9 ** self.clock().epoch


@case(REPEATED)
def numpy(self, x):
    return float(x.numpy().sum())


@case(REPEATED)
def an_array_of_its_own(self, x):
    self.array += 1
    return float(self.array)


@case(REPEATED)
def tolist(self, x):
    return sum(x.flatten().tolist())


@case(RECORDED)
def item(self, x):
    return x.sum().item()


@case(RECORDED)
def a_branch(self, x):
    return 2 if x.sum() > 0 else 1


@case(RECORDED)
def equal(self, x):
    return 2 if torch.equal(x, self.last) else 1


@case(REPEATED)
def pythons_random(self, x):
    return random.random()


@case(REPEATED)
def numpys_random(self, x):
    return np.random.random()


@case(None)
def torchs_own_generator(self, x):
    return torch.rand(())


@case(None)
def a_generator_of_its_own(self, x):
    return torch.rand((), generator=OWN)


@case(REPEATED)
def a_generator_made_at_each_step(self, x):
    return torch.rand((), generator=torch.Generator().manual_seed(self.clock().step))


@case(REPEATED)
def a_generator_seeded_at_each_step(self, x):
    return torch.rand((), generator=OWN.manual_seed(3))


@case(RECORDED)
def the_last_batch(self, x):
    last, self.last = self.last, x
    return last.mean()


@case(RECORDED)
def a_decayed_coefficient(self, x):
    self.c *= 0.99
    return self.c


@case(RECORDED)
def how_many_are_positive(self, x):
    return len(x[x > 0])


@case(RECORDED)
def a_mask(self, x):
    return x[x > 0].sum()


@case(RECORDED)
def nonzero(self, x):
    return len(x.relu().nonzero())


@case(None)
def indexing_by_integers(self, x):
    return x[torch.tensor([0, 1])].mean()


@case(RECORDED)
def a_list_that_grows(self, x):
    self.many.append(x.mean())
    return torch.stack(self.many).sum()


@case(RECORDED)
def a_table_that_grows(self, x):
    self.table[len(self.table)] = 1
    return len(self.table)


@case(RECORDED)
def an_own_learning_rate(self, x):
    self.optimizer.param_groups[0]["lr"] *= 0.9
    return 1


@case(RECORDED)
def an_own_momentum(self, x):
    self.optimizer.param_groups[0]["momentum"] *= 0.9
    return 1


@case(None)
def numbers_that_are_not_finite(self, x):
    return (x.mean() - x.mean()).log() * self.b.add_(1)


@case(REPEATED)
def a_buffer_changed_behind_the_back(self, x):
    self.b.numpy()[()] += 1  # not an operation
    return 1


def test_there_are_seventeen_kinds_and_more():
    assert len(CASES) >= 17


@pytest.mark.parametrize("fused", [True, False], ids=["fused", "not fused"])
@pytest.mark.parametrize("name", CASES)
def test_it_is_stopped_or_right(name, fused, monkeypatch):
    kind, stops = CASES[name]
    monkeypatch.setattr(kind, "fused", fused)
    if stops:
        with pytest.raises(
            UserError, match=f"^{name}'s steps are not the same: step {stops} "
        ) as e:
            train(kind(), stops)
        line = str(e.value)
        assert "\n" not in line
        assert "same_steps" in line and "--machine.replay=false" in line
    else:
        plain, ours = train(kind(), 50, replayed=False), train(kind(), 50)
        assert all(torch.allclose(a, b, 0, 0, True) for a, b in zip(plain, ours, strict=True))


@pytest.mark.parametrize(
    ("name", "says"),
    {
        "a_rebound_buffer": "puts another tensor in the place of b",
        "a_counter": "changes n from 1 to 2",
        "a_counter_in_a_helper": "changes helper.n from 1 to 2",
        "a_list_that_grows": "changes len(many) from 1 to 2",
        "an_own_learning_rate": "changes optimizer group 0['lr'] from 0.09",
        "a_counter_out_of_sight": "differs from its repetition in its result",
        "a_buffer_changed_behind_the_back": "differs from its repetition in b",
        "a_generator_seeded_at_each_step": "differs from its repetition in its result",
        "item": "lets Python read a number",
        "nonzero": "a tensor whose shape depends on numbers",
    }.items(),
)
def test_the_line_says_what_differs(name, says):
    with pytest.raises(UserError) as error:
        train(CASES[name][0](), 10)
    assert says in str(error.value)


class Quiet(Rule):
    """Differs in one thing only, from its 5th step on; its results are the same."""

    change = staticmethod(lambda rule: None)

    def step(self, x):
        result = super().step(x)
        with torch.no_grad():
            if CLOCK.step >= 4:
                self.change(self)
        return result * 0


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda rule: rule.W.mul_(1 + 2**-23), "W"),
        (lambda rule: rule.b.add_(1), "b"),
        (lambda rule: rule.b.data.add_(1), "b"),
        (
            lambda rule: rule.optimizer.state[rule.W]["momentum_buffer"].add_(1),
            "momentum_buffer of W",
        ),
        (lambda rule: torch.rand(1), "a generator's state"),
    ],
)
def test_nothing_is_left_out_of_the_comparison(change, what, monkeypatch):
    monkeypatch.setattr(Quiet, "change", staticmethod(change))
    with pytest.raises(UserError, match=f"step 5 differs from its repetition in {what}. Take"):
        train(Quiet(), 10)


def test_a_tensor_outside_of_the_state_is_compared():
    total = torch.zeros(2)
    step = lambda x: total.add_(1 if CLOCK.step < 4 else 2)[:0] + x[:0]  # noqa: E731
    take = repeated(step, None, nn.Module())
    with pytest.raises(UserError, match=r"step 5 differs .* in tensor 0 of shape \[2\]"):
        for CLOCK.step in range(10):
            take(torch.ones(2))


def test_repeats_are_proved_ever_more_seldom(monkeypatch):
    proved = []
    spied = lambda record, *rest: proved.append(record.repeats) or prove(record, *rest)  # noqa: E731
    monkeypatch.setattr("benchmark.speed.replay.prove", spied)
    train(Rule(), 2100)
    steps = {k + 2 for k in proved}  # the first was taken, the second recorded
    repeats = {*range(1, 5), 16, 64, 256, 1000, 1024, 2000}
    epochs = {PER_EPOCH * k + 1 for k in (1, 4, 16, 64)}
    assert steps == {k + 2 for k in repeats} | epochs and Replay.every == 1000
