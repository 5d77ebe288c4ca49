"""A repeated step does to the last bit what the step itself does."""

import pytest
import torch
from torch import nn

from benchmark.errors import UserError
from benchmark.speed import repeated
from benchmark.speed.replay import Replay

N = 5  # calls: taken, recorded, and three times repeated


@pytest.fixture(autouse=True, params=["proved", "unproved"])
def proved(request, monkeypatch):
    """A proof leaves everything as the step does; without one only the record can."""
    if request.param == "unproved":
        monkeypatch.setattr(Replay, "_is_due", lambda *_: False)


def door(step, optimizer=None):
    return repeated(step, optimizer, nn.Module())


def both(make, inputs=None):
    """Results and state after N calls, taken each time and repeated.

    Args:
        make: gives a step, the tensors that it changes, and the optimizer that it steps, if any.
        inputs: of the k-th call.
    """
    found = []
    for wrap in (lambda step, *_: step, door):
        step, state, *optimizer = make()
        take = wrap(step, *optimizer)
        xs = [inputs(k) if inputs else torch.arange(6.0).view(2, 3) + k for k in range(N)]
        kept = [x.clone() for x in xs]
        results = [take(x).clone() for x in xs]
        assert all(torch.equal(x, k) for x, k in zip(xs, kept, strict=True))
        found.append([*results, *state])
    return found


def check(make, **options):
    taken, repeated = both(make, **options)
    assert len(taken) == len(repeated)
    assert all(torch.equal(a, b) for a, b in zip(taken, repeated, strict=True))


def test_a_changing_buffer_is_read_anew():
    def make():
        count, W = torch.zeros(3), torch.ones(4, 3)

        def step(x):
            count.add_(1)
            W.mul_(0.5).add_(count)
            return x @ W.t() + (W.t() * 2).sum() + count.view(3).sum()

        return step, [count, W]

    check(make)


def test_what_is_made_of_nothing_may_be_written_to():
    def make():
        total = torch.zeros(3)

        def step(x):
            sums, ones = torch.zeros(3), torch.eye(3)
            sums += x.sum(0)
            ones[0] += sums
            part = torch.zeros(2, 3)
            part.view(-1)[1:3].fill_(2.0)
            given = torch.zeros(2, 3)
            torch.add(given, x, out=given)
            total.add_(sums @ ones)
            parts = torch.zeros(4)
            parts.split(2)[1].add_(x[0, :2])
            return part + total + given + parts.sum()

        return step, [total]

    check(make)


def test_what_is_read_twice_is_not_overwritten():
    def make():
        W = torch.arange(9.0).view(3, 3) - 4

        def step(x):
            a = x @ W
            h = a.relu()  # a is read below
            square = h * h
            late = (h.view(-1) * 2).view(2, 3)
            scaled = x * 3  # an input
            W2 = W * 0.5  # a constant
            y = torch.relu(x)
            return (a + square + late + scaled + y) @ W2 + h.t().reshape(2, 3)

        return step, [W]

    check(make)


def test_gradients_through_autograd_and_an_accumulated_one():
    def make():
        W = torch.ones(3, 3, requires_grad=True)

        def step(x):
            W.grad = None
            h = (x @ W).tanh()
            (h * h).mean().backward()
            h.detach().sum()
            (x @ W).square().sum().backward()
            with torch.no_grad():
                W.sub_(0.01 * W.grad)
            return h.detach()

        return step, [W.detach()]

    check(make)


def test_draws_go_on_where_the_generator_stands():
    def make():
        generator = torch.Generator().manual_seed(0)

        def step(x):
            _ = torch.rand(2, generator=generator)  # unread, but it moves the generator
            return x * torch.randn(x.shape, generator=generator)

        return step, []

    check(make)


def test_another_shape_is_recorded_anew():
    def make():
        return lambda x: x / len(x), []

    check(make, inputs=lambda k: torch.ones(2 + k // 2, 3))


@pytest.fixture
def recorded(monkeypatch):
    """Shapes of the inputs of recorded steps."""
    shapes, record = [], Replay._record
    spied = lambda self, xs, *rest: shapes.append(len(xs[0])) or record(self, xs, *rest)  # noqa: E731
    monkeypatch.setattr(Replay, "_record", spied)
    return shapes


def test_a_ragged_last_batch_is_recorded_once(recorded):
    take = door(lambda x: x / len(x))
    for _epoch in range(3):
        for n in (4, 4, 4, 2):
            assert torch.equal(take(torch.ones(n)), torch.ones(n) / n)
    assert recorded == [4, 2]


def test_of_many_shapes_the_last_few_are_kept(recorded):
    take = door(lambda x: x / len(x))
    for n in (1, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1):
        take(torch.ones(n))
    assert recorded == [1, 2, 3, 4, 5, 1] and len(take._records) == Replay.most


def test_what_is_computed_twice_from_what_changes_in_between_is_computed_twice():
    def make():
        W = torch.ones(3, 3)
        other_name = W.data

        def step(x):
            named = x @ other_name
            first = x @ W.t()
            again = x @ W.t()
            part = first.view(3, 2)
            part[0].mul_(2)
            late = first * 1
            first.add_(1)
            once = (x * 1).exp() + (x * 1).exp() + late
            W.mul_(0.9)
            W.data[0].add_(0.1)
            return once + again + x @ W.t() + first + named + x @ other_name

        return step, [W]

    check(make)


def test_a_step_may_write_to_its_inputs():
    take = door(lambda x: x.add_(1) * 2)
    for _ in range(4):
        x = torch.ones(2)
        assert torch.equal(take(x), torch.full((2,), 4.0)) and torch.equal(x, torch.full((2,), 2.0))


def test_a_result_multiplied_by_one_is_not_the_input_itself():
    x = torch.ones(2)
    take = door(lambda x: x * 1)
    results = [take(x) for _ in range(3)]
    x.add_(1)
    assert all(torch.equal(result, torch.ones(2)) for result in results)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
def test_learning_rates_may_change(kind):
    fused = {} if kind == "RMSprop" else {"fused": True}
    ends = []
    for replayed in (False, True):
        a, b = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
        groups = [{"params": [a]}, {"params": [b], "lr": 0.5}]
        optimizer = getattr(torch.optim, kind)(groups, lr=0.1, **fused)

        def step(x, a=a, b=b, optimizer=optimizer):
            a.grad = b.grad = None
            (x @ a + x @ b.square()).square().mean().backward()
            optimizer.step()
            return a.detach() + b.detach()

        take = door(step, optimizer) if replayed else step
        for k in range(N):
            optimizer.param_groups[k % 2]["lr"] *= 0.7
            take(torch.arange(6.0).view(2, 3) / 10 + k)
        ends.append(torch.cat([a, b]).detach())
    assert torch.equal(*ends)


@pytest.mark.parametrize("read", [lambda x: x.sum().item(), lambda x: 1 if x.sum() > 0 else 2])
def test_a_number_that_python_reads_is_an_error(read):
    take = door(lambda x: x * read(x))
    take(torch.ones(2))
    with pytest.raises(UserError, match="same_steps") as error:
        take(torch.ones(2))
    assert "\n" not in str(error.value)


def test_autocast_casts_as_it_did():
    W = torch.rand(64, 64)

    def step(x):
        with torch.autocast("cpu", enabled=False):
            exact = x @ W
        return exact + (x @ W).float()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = torch.rand(8, 64)
        take = door(step)
        assert all(torch.equal(take(x), step(x)) for _ in range(3))


@pytest.mark.parametrize("batch", [64, 600], ids=["adds_last", "adds_in_between"])
def test_a_gradient_that_goes_straight_into_its_momentum_changes_no_bit(batch):
    def make():
        W = torch.linspace(-1, 1, 300 * 300).view(300, 300).sin().requires_grad_()
        optimizer = torch.optim.SGD([W], lr=0.01, momentum=0.9, fused=True)

        def step(x):
            W.grad = None
            (x @ W.t()).square().mean().backward()
            optimizer.step()
            return W.detach()[:2]

        return step, [W], optimizer

    check(make, inputs=lambda k: torch.linspace(-1, 1, batch * 300).view(batch, 300).cos() + k)
