"""Training steps that are written down once and repeated from then on, without autograd.

Every step of most algorithms does the same operations on other numbers. Autograd, the optimizer and
Python find them anew each time, which on small networks costs as much as a matrix product. Here one
step is written down as it runs, as a list of operations on tensors, and that list is repeated: the
same kernels in the same order, hence the same weights to the last bit. What nobody reads falls
away, the value of the objective above all. torch.compile would go further, after a minute or two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from types import MethodDescriptorType
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Graph, Node
from torch.fx.experimental.proxy_tensor import make_fx

Step = Callable[..., Tensor]
aten = torch.ops.aten


def record(step: Step, *inputs: Tensor) -> tuple[Tensor, Step]:
    """Run ``step(*inputs)`` and write it down.

    Args:
        step: a function of tensors that may change others in place: weights, an optimizer's state,
            random generators. It must do the same operations at every call, whatever the numbers:
            Python's branches and numbers are for good those of this one run.
        inputs: tensors; those of a repetition need the same shapes.

    Returns:
        What the step returned, and a function that repeats it on other inputs.
    """
    returned = []

    def once(*inputs: Tensor) -> Tensor:
        returned.append(step(*inputs))
        return returned[0]

    module = make_fx(once)(*inputs)
    graph = module.graph
    known = {n: getattr(module, str(n.target)) for n in graph.nodes if n.op == "get_attr"}
    _drop_renaming(graph)
    _compute_once(graph, known)
    constants = _constants_to_inputs(graph, known)
    graph.eliminate_dead_code()
    _reuse_memory(graph)
    _shorten_calls(graph)
    module.recompile()
    forward, device = module.forward, inputs[0].device.type
    casting = torch.is_autocast_enabled(device)

    def repeat(*inputs: Tensor) -> Tensor:
        # Casts are operations like others, written down: none must be added.
        uncast = torch.autocast(device, enabled=False) if casting else nullcontext()
        with torch.no_grad(), uncast:
            return forward(*inputs, *constants)  # type: ignore[no-any-return]

    return returned[0], repeat


class Replay:
    """A step that is taken, then recorded while it is taken again, and from then on repeated.

    The first one lets the optimizer make its state, and shows whether noise is drawn.

    Args:
        step: see :func:`record`.
        numbers: the numbers that Python hands to the step, such as learning rates; when they or the
            inputs' shapes change, the step is recorded anew.
        noisy: whether the last step drew from a generator.
    """

    def __init__(
        self, step: Step, numbers: Callable[[], list[float]], noisy: Callable[[], bool]
    ) -> None:
        self._step, self._numbers, self._noisy = step, numbers, noisy
        self._begun = False
        self._recorded: tuple[Any, Step] = None, step

    def __call__(self, *inputs: Tensor) -> Tensor:
        fixed = self._numbers(), [x.shape for x in inputs]
        if fixed == self._recorded[0]:
            return self._recorded[1](*inputs)
        if not self._begun or (self._noisy() and not _generators_are_recorded()):
            self._begun = True
            return self._step(*inputs)
        result, repeat = record(self._step, *inputs)
        self._recorded = fixed, repeat
        return result


@cache
def _generators_are_recorded() -> bool:
    """Whether this torch can write down a draw from a generator; 2.11 cannot, 2.15 can."""
    generator = torch.Generator()
    try:
        make_fx(lambda x: torch.rand(1, generator=generator) + x)(torch.zeros(1))
    except NotImplementedError:
        return False
    return True


def _drop_renaming(graph: Graph) -> None:
    """Read tensors themselves instead of other names and shapes of them; leave out profiling."""
    for node in reversed(graph.nodes):
        if "profiler" in str(node.target):
            graph.erase_node(node)
    for node in graph.nodes:
        source: Any = node.args[0] if node.args else None
        if node.target in (aten.alias.default, aten.detach.default):
            node.replace_all_uses_with(source)
        elif node.target == aten.t.default and source.target == aten.t.default:
            node.replace_all_uses_with(source.args[0])
        elif node.target == aten.view.default:
            if source.target == aten.view.default:
                source = source.args[0]
                node.args = (source, node.args[1])
            if source.meta["val"].shape == node.meta["val"].shape:
                node.replace_all_uses_with(source)


def _compute_once(graph: Graph, known: dict[Node, Any]) -> None:
    """Find the nodes whose value is always the same, and add them to ``known``.

    These are views of known tensors, for those keep their place in memory, and what is computed
    from nothing that changes.
    """
    written = set(_written(graph))
    unchanging: set[Node] = set()
    for node in graph.nodes:
        sources = node.all_input_nodes
        if not isinstance(node.target, OpOverload) or node in written:
            continue
        if node.target == aten.ones_like.default and node.meta["val"].dim() == 0:
            value = node.meta["val"]  # where backward begins, whatever the value of the objective
            known[node] = torch.ones((), dtype=value.dtype, device=value.device)
            unchanging.add(node)
        elif _is_pure(node.target) and unchanging.issuperset(sources):
            known[node] = _evaluate(node, known)
            unchanging.add(node)
        elif _is_view(node.target) and all(s in known for s in sources):
            known[node] = _evaluate(node, known)


def _written(graph: Graph) -> Iterator[Node]:
    """The nodes whose memory an operation writes to."""
    for node in graph.nodes:
        if isinstance(node.target, OpOverload) and node.target._schema.is_mutable:
            for argument, value in zip(node.target._schema.arguments, node.args, strict=False):
                if argument.is_write:
                    for target in value if isinstance(value, list | tuple) else [value]:
                        yield from _same_memory(target)


def _same_memory(node: Any) -> Iterator[Node]:
    """A node and those that it is a view or the changed value of."""
    while isinstance(node, Node):
        yield node
        shares = isinstance(node.target, OpOverload) and any(
            result.alias_info for result in node.target._schema.returns
        )
        node = node.args[0] if shares else None


def _is_view(op: OpOverload) -> bool:
    return not op._schema.is_mutable and any(r.alias_info for r in op._schema.returns)


def _is_pure(op: OpOverload) -> bool:
    """Whether the result depends on the arguments alone and has memory of its own."""
    random = torch.Tag.nondeterministic_seeded in op.tags
    return not (random or op._schema.is_mutable or any(r.alias_info for r in op._schema.returns))


@torch.no_grad()
def _evaluate(node: Node, known: dict[Node, Any]) -> Any:
    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), known.__getitem__)  # type: ignore
    return node.target(*args, **kwargs)  # type: ignore[operator]


def _constants_to_inputs(graph: Graph, known: dict[Node, Any]) -> list[Any]:
    """Make inputs of the known values that are read; returns these values, in that order.

    To look an attribute up takes a module as long as a small operation.
    """
    first = next(node for node in graph.nodes if node.op != "placeholder")
    constants: list[Any] = []
    inputs: dict[str, Node] = {}
    for node in [*known]:
        if all(user in known for user in node.users):
            continue
        name = str(node.target) if node.op == "get_attr" else node.name
        if name not in inputs:
            with graph.inserting_before(first):
                inputs[name] = graph.placeholder(f"constant{len(inputs)}")
            constants.append(known[node])
        node.replace_all_uses_with(inputs[name])
    return constants


def _reuse_memory(graph: Graph) -> None:
    """Let operations on single numbers overwrite what nobody else reads: caches are small."""
    for node in graph.nodes:
        op = node.target
        if not isinstance(op, OpOverload) or torch.Tag.pointwise not in op.tags:
            continue
        packet = getattr(aten, op._schema.name.removeprefix("aten::"))
        changing = getattr(aten, f"{packet.__name__}_", None)
        if packet == aten.mul and _is_spare(node.args[1], node):
            node.args = node.args[::-1]
        if not _is_spare(node.args[0], node):
            continue
        if changing and op._overloadname in changing.overloads():
            node.target = getattr(changing, op._overloadname)
        elif "grad_input" in packet.overloads():
            node.target = packet.grad_input
            node.kwargs = {**node.kwargs, "grad_input": node.args[0]}


def _is_spare(source: Any, reader: Node) -> bool:
    """Whether a tensor of the reader's layout is computed for it alone."""
    if not isinstance(source, Node) or "val" not in source.meta:
        return False
    of, wanted = source.meta["val"], reader.meta["val"]
    layout = of.shape, of.stride(), of.dtype
    if layout != (wanted.shape, wanted.stride(), wanted.dtype):
        return False
    while isinstance(source.target, OpOverload) and len(source.users) == 1:
        if not any(result.alias_info for result in source.target._schema.returns):
            return True
        source = source.args[0]  # whose memory this is
    return False


def _shorten_calls(graph: Graph) -> None:
    """Call operations as methods of tensors where these are the same: in half the time."""
    for node in graph.nodes:
        if isinstance(node.target, OpOverload) and node.args and isinstance(node.args[0], Node):
            schema = node.target._schema
            name = schema.name.removeprefix("aten::")
            method = isinstance(getattr(Tensor, name, None), MethodDescriptorType)
            if method and schema.arguments[0].name == "self":
                node.op, node.target = "call_method", name
