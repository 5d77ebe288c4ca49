"""Adding a gradient to its momentum while it is computed.

    G = A B,   v <- mu v + G,   W <- W - lr v

takes G to memory and back. Where the library of matrix products adds mu v behind the last product,
it gives the same v to the last bit, and G never exists.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch.fx import Graph, Node

from benchmark.speed.tape import Layout

aten = torch.ops.aten
SMALLEST = 1 << 16  # numbers: a smaller G does not leave the cache
PLAIN = {"weight_decay": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False}


def absorb_gradients(graph: Graph) -> None:
    """Let matrix products end in the momentum of SGD, on CPUs, where that changes no bit."""
    for step in graph.find_nodes(op="call_function", target=aten._fused_sgd_.default):
        options = step.kwargs
        if options["is_first_step"] or any(options[k] != v for k, v in PLAIN.items()):
            continue
        entries: list[Any] = [*zip(*step.args, strict=True)] if all(step.args) else []
        absorbed = [e for e in entries if _absorb(e, step)]
        if not absorbed:
            continue
        weights, _, momenta = (list(nodes) for nodes in zip(*absorbed, strict=True))
        with graph.inserting_after(step):
            graph.call_function(step.target, (weights, momenta, []), {**options, "momentum": 0.0})
        left = [e for e in entries if e not in absorbed]
        if left:
            step.args = tuple(list(nodes) for nodes in zip(*left, strict=True))
        else:
            graph.erase_node(step)
        for _, product, _ in absorbed:
            graph.erase_node(product)


def _absorb(entry: tuple[Node, Node, Node], step: Node) -> bool:
    """Add the product to mu times the momentum, if nobody else reads either."""
    weight, product, momentum = entry
    mu: Any = step.kwargs["momentum"]
    if product.target != aten.mm.default or any([*n.users] != [step] for n in (product, momentum)):
        return False
    layouts = [n.meta["layout"] for n in (weight, momentum, *product.args)]  # type: ignore[union-attr]
    if not _same_bits(*layouts, mu):
        return False
    with product.graph.inserting_before(product):
        product.graph.call_function(aten.addmm_.default, (momentum, *product.args), {"beta": mu})
    return True


@cache
def _same_bits(weight: Layout, momentum: Layout, a: Layout, b: Layout, mu: float) -> bool:
    """Whether both ways to take such a step are the same, tried on random numbers."""
    if weight.device.type != "cpu" or weight.shape[0] * weight.shape[1] < SMALLEST:
        return False
    draws = torch.Generator().manual_seed(0)

    def random(layout: Layout) -> Any:
        empty = torch.empty_strided(layout.shape, layout.stride, dtype=layout.dtype)
        return empty.normal_(generator=draws)

    W, v, A, B = map(random, (weight, momentum, a, b))
    other_W, other_v = W.clone(), v.clone()
    options: Any = {**PLAIN, "lr": 0.1, "is_first_step": False}
    torch._fused_sgd_([W], [A @ B], [v], momentum=mu, **options)
    torch._fused_sgd_([other_W], [other_v.addmm_(A, B, beta=mu)], [], momentum=0.0, **options)
    return torch.equal(W, other_W) and torch.equal(v, other_v)
