"""Graphs in one order of calls, so that two can be compared however they were written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vgspec.ir import Graph, Node, Ref, Returns

__all__ = ["canonical_order", "same_model"]


def canonical_order(graph: Graph) -> Graph:
    """The graph with its calls in depth-first order from the outputs; calls that nothing reads come last."""
    done: dict[str, None] = {}
    for target in [output.ref.node for output in graph.outputs] + [node.id for node in graph.nodes]:
        if target not in graph.by_id:
            continue
        stack: list[tuple[Node, Iterator[Ref]]] = [(graph.by_id[target], graph.by_id[target].refs())]
        while stack:
            node, pending = stack[-1]
            if node.id in done:
                stack.pop()
                continue
            ref = next(pending, None)
            if ref is None:
                done[node.id] = None
                stack.pop()
            elif ref.node in graph.by_id and ref.node not in done:
                stack.append((graph.by_id[ref.node], graph.by_id[ref.node].refs()))
    return replace(graph, nodes=tuple(graph.by_id[name] for name in done))


def same_model(a: Graph, b: Graph) -> bool:
    """Whether two graphs are the same model, names of layers and the order of independent calls aside.

    What the one output is called that a model returns as a tensor does not matter.
    """
    names = [[item.name for item in graph.outputs] for graph in (a, b)]
    if a.returns is Returns.DICT:
        names = [sorted(found) for found in names]
    if a.returns is not Returns.TENSOR and names[0] != names[1]:
        return False
    if [item.name for item in a.inputs] != [item.name for item in b.inputs]:
        return False
    return canonical_order(a).hash(names=False) == canonical_order(b).hash(names=False)
