"""Whether runs of a row can be trained together, found out by trying."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from benchmark.algorithm import Algorithm
from benchmark.population.stack import Stack, joint_credit, stack_

OWN = {  # methods that a joint step does without
    "feedback_phase": "it descends scalars before its credit",
    "credits": "it changes the weights several times a batch",
    "learn": "it has a step of its own",
    "training_step": "it has a step of its own",
    "begin_step": "it has a step of its own",
}
CLOSE = 1e-9  # relative, in float64


def why_apart(build: Callable[[int], Algorithm], x: Tensor, y: Tensor) -> str:
    """Why runs of a row cannot be trained together; empty if they can.

    Two runs are tried: in float64 the joint update must be that of each alone.

    Args:
        build: the algorithm of a seed.
        x: inputs of the two, ``[2, N, ...]``.
        y: their labels, ``[2, N]``.
    """
    alone, together = [build(0), build(1)], [build(0), build(1)]
    rule = alone[0]
    for method, reason in OWN.items():
        if getattr(type(rule), method) is not getattr(Algorithm, method):
            return reason
    if rule.traits.noise:
        return "its steps draw noise"
    if rule.net.dropouts:
        return "its network has dropout"
    if rule.adversarial_eps:
        return "it learns from adversarial inputs"
    try:
        wanted = _apart(alone, x.double(), y)
        found = _joint(together, x.double(), y)
    except Exception as error:  # whatever vmap, or the rule in it, says
        return f"torch.func.vmap refuses it ({(str(error).splitlines() or [''])[0]:.100})"
    same = wanted.keys() == found.keys() and all(_close(wanted[k], found[k]) for k in wanted)
    return "" if same else "torch.func.vmap gives it another update"


def _apart(runs: Sequence[Algorithm], x: Tensor, y: Tensor) -> Stack:
    """Gradients, logits and buffers behind a step's credit, one run after the other, stacked."""
    results = []
    for run, own_x, own_y in zip(runs, x, y, strict=True):
        run.double().train().before_step(own_x)
        credit = run.credit(own_x, own_y)
        names, weights = zip(*_learning(run).items(), strict=True)
        grads = torch.autograd.grad(credit.objective, weights, allow_unused=True)
        gradient = {n: g for n, g in zip(names, grads, strict=True) if g is not None}
        results.append({**gradient, "logits": credit.logits.detach(), **dict(run.named_buffers())})
    return {name: torch.stack([result[name] for result in results]) for name in results[0]}


def _joint(runs: Sequence[Algorithm], x: Tensor, y: Tensor) -> Stack:
    """The same, of all runs at once."""
    for run, own_x in zip(runs, x, strict=True):
        run.double().train().before_step(own_x)
    stack = stack_(runs)
    credit = joint_credit(runs[0])(stack, x, y)
    weights = {name: stack[name] for name in _learning(runs[0])}
    grads = torch.autograd.grad(credit.objective.sum(), [*weights.values()], allow_unused=True)
    gradient = {n: g for n, g in zip(weights, grads, strict=True) if g is not None}
    buffers = {name: stack[name] for name, _ in runs[0].named_buffers()}
    return {**gradient, "logits": credit.logits.detach(), **buffers}


def _learning(run: Algorithm) -> Stack:
    """The parameters that the optimizer steps, by name."""
    stepped = {p for group in run.param_groups() for p in group["params"]}
    return {name: p for name, p in run.named_parameters() if p in stepped}


def _close(a: Tensor, b: Tensor) -> bool:
    a, b = a.double(), b.double()
    return bool((a - b).norm() <= CLOSE * a.norm())
