"""Making a recorded step short, without a change of what it computes."""

from __future__ import annotations

import operator
from collections.abc import Container, Iterator
from types import MethodDescriptorType
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Graph, Node
from torch.fx.node import map_arg

from benchmark.speed.absorb import absorb_gradients
from benchmark.speed.tape import Layout, Tape

aten = torch.ops.aten


def tidy(tape: Tape) -> tuple[list[Any], list[Tensor]]:
    """Shorten the tape's graph.

    Returns:
        The values of its placeholders behind inputs and rates, and those that it writes to.
    """
    graph = tape.graph
    writes_to = dict.fromkeys(_written(graph))
    written = [tape.constants[node] for node in writes_to if node in tape.constants]
    _drop_renaming(graph)
    _drop_repetition(tape, writes_to)
    _compute_once(tape)
    graph.eliminate_dead_code()
    absorb_gradients(graph)
    _reuse_memory(graph)
    _shorten_calls(graph)
    for node in [node for node in tape.constants if not node.users]:
        graph.erase_node(node)
    return [tape.constants[n] for n in graph.nodes if n in tape.constants], written


def _drop_renaming(graph: Graph) -> None:
    """Read tensors themselves instead of other names and shapes of them."""
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
            elif source.target == aten.mul.Tensor and [*source.users] == [node]:
                _scale_unflattened(source, node.meta["layout"])
            if source.meta["layout"] == node.meta["layout"]:
                node.replace_all_uses_with(source)


def _scale_unflattened(product: Node, layout: Layout) -> None:
    """Multiply a tensor of this layout by a number without viewing it as a vector before."""
    for k, factor in enumerate(product.args):
        if isinstance(factor, Node) and factor.target == aten.view.default:
            whole, number = factor.args[0], product.args[1 - k]
            scalar = isinstance(number, Node) and number.meta["layout"].shape == ()
            if scalar and whole.meta["layout"] == layout:  # type: ignore[union-attr]
                product.args, product.meta = (whole, number), {**product.meta, "layout": layout}
                return


def _drop_repetition(tape: Tape, written: Container[Node]) -> None:
    """Compute only once, in a step, what is computed twice from the same; and multiply not by 1."""
    memories = {
        value.untyped_storage().data_ptr()
        for node, value in tape.constants.items()
        if node in written
    }

    def changes(node: Node) -> bool:
        *_, root = _same_memory(node)
        value = tape.constants.get(root)
        held = value.untyped_storage().data_ptr() if isinstance(value, Tensor) else None
        return root in written or held in memories

    first: dict[Any, Node] = {}
    for node in tape.graph.nodes:
        op = node.target
        if not isinstance(op, OpOverload) or not _is_pure(op):
            continue
        if any(map(changes, (node, *node.all_input_nodes))):
            continue
        same = first.setdefault((op, str(node.args), str(node.kwargs)), node)
        if op == aten.mul.Tensor and node.args[1] == 1:
            whole: Any = node.args[0]
            *_, root = _same_memory(whole)
            if root.op != "placeholder" and whole.meta["layout"] == node.meta["layout"]:
                same = whole
        if same is not node:
            node.replace_all_uses_with(same)


def _compute_once(tape: Tape) -> None:
    """Turn into constants what has always the same value.

    These are views of constants, for those keep their place in memory, and what is computed from
    nothing that changes.
    """
    known = tape.constants
    written = set(_written(tape.graph))
    unchanging: set[Node] = set()
    for node in tape.graph.nodes:
        op, sources = node.target, node.all_input_nodes
        if not isinstance(op, OpOverload) or node in written:
            continue
        first = op == aten.ones_like.default and node.meta["layout"].shape == ()
        if first:  # where backward begins, whatever the value of the objective
            layout = node.meta["layout"]
            value = torch.ones((), dtype=layout.dtype, device=layout.device)
        elif (_is_pure(op) and unchanging.issuperset(sources)) or (
            _is_view(op) and all(source in known for source in sources)
        ):
            value = _evaluate(node, known)
        else:
            continue
        constant = tape.placeholder("constant")
        constant.meta = node.meta
        known[constant] = value
        node.replace_all_uses_with(constant)
        if first or unchanging.issuperset(sources):
            unchanging.add(constant)


def _written(graph: Graph) -> Iterator[Node]:
    """The nodes whose memory an operation writes to."""
    for node in graph.nodes:
        if isinstance(node.target, OpOverload) and node.target._schema.is_mutable:
            arguments = node.target._schema.arguments
            given = {a.name: v for a, v in zip(arguments, node.args, strict=False)} | node.kwargs
            for value in (given[a.name] for a in arguments if a.is_write and a.name in given):
                for target in value if isinstance(value, list | tuple) else [value]:
                    yield from _same_memory(target)


def _same_memory(node: Any) -> Iterator[Node]:
    """A node and those that it is a view, a part or the changed value of."""
    while isinstance(node, Node):
        yield node
        op = node.target
        follow = op is operator.getitem or (isinstance(op, OpOverload) and _aliases(op))
        node = node.args[0] if follow else None


def _aliases(op: OpOverload) -> bool:
    """Whether the result lies in the memory of the first argument."""
    return any(result.alias_info for result in op._schema.returns)


def _is_view(op: OpOverload) -> bool:
    return _aliases(op) and not op._schema.is_mutable


def _is_pure(op: OpOverload) -> bool:
    """Whether the result depends on the arguments alone and has memory of its own."""
    random = torch.Tag.nondeterministic_seeded in op.tags
    return not (random or op._schema.is_mutable or _aliases(op))


@torch.no_grad()
def _evaluate(node: Node, known: dict[Node, Any]) -> Any:
    args, kwargs = map_arg((node.args, node.kwargs), known.__getitem__)  # type: ignore
    return node.target(*args, **kwargs)  # type: ignore[operator]


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
    if not isinstance(source, Node) or source.meta.get("layout") != reader.meta.get("layout"):
        return False
    while isinstance(source.target, OpOverload) and len(source.users) == 1:
        if not _aliases(source.target):
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
            into_another = any(a.is_write and a.kwarg_only for a in schema.arguments)  # out=
            if method and schema.arguments[0].name == "self" and not into_another:
                node.op, node.target = "call_method", name
