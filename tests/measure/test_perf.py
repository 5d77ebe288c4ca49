"""What ``make perf`` compares with: the products it sees are the ones that were done."""

import torch

from benchmark.suite.perf.steps import Seen, costliest


def test_seen_products_are_those_of_a_forward_and_backward_pass():
    layer = torch.nn.Linear(3, 2, bias=False)
    x = torch.rand(4, 3, requires_grad=True)
    seen = Seen()
    with seen:
        (layer(x).sum() + x.sum()).backward()
    assert len(seen.calls) == 3  # W x, its gradient for x, its gradient for W
    with torch.no_grad():
        seen()


def test_the_costliest_operation_beside_products_is_named():
    a = torch.rand(300, 300)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        (a @ a).exp_()
        for _ in range(20):
            a.sort()
    first, *others = costliest(profile).split(", ")
    assert first.startswith("sort ") and not any(name.startswith("mm ") for name in others)
