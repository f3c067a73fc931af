"""The same graph with a change, to predict what the change would do: ``profile(with_layers(graph, {...}))``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vgspec.ir import Graph, Node, Operator, Output, Ref, with_refs

__all__ = ["with_inserted", "with_layers", "with_skip"]


def with_layers(graph: Graph, layers: Mapping[str, Operator]) -> Graph:
    """The graph with some layers replaced, by key of `Graph.layers`. Shapes must stay as they are."""
    unknown = sorted(layers.keys() - graph.layers.keys())
    if unknown:
        raise KeyError(f"no such layers: {', '.join(unknown)}")
    return replace(graph, layers={**graph.layers, **layers})


def with_inserted(graph: Graph, after: str, name: str, layer: Operator) -> Graph:
    """The graph with a one-input layer that keeps the shape set behind a node, for all its readers.

    Args:
        graph: the graph.
        after: the node whose first output the layer reads.
        name: id of the new node.
        layer: the layer, for example a normalization.
    """
    source = graph.by_id[after]
    argument = _first_argument(layer)
    new = Node(name, name, ((argument, Ref(after)),), source.outputs[:1])
    return _spliced(graph, after, {name: layer}, (new,), Ref(name))


def with_skip(graph: Graph, source: str, target: str, name: str) -> Graph:
    """The graph with the output of ``source`` added to that of ``target``, which has the same shape."""
    from vgspec.layers import find_layer

    add = find_layer("Add")
    assert add is not None  # the table of layers has it
    new = Node(name, name, (("inputs", (Ref(source), Ref(target))),), graph.by_id[target].outputs[:1])
    return _spliced(graph, target, {name: add()}, (new,), Ref(name))


def _spliced(graph: Graph, after: str, layers: Mapping[str, Operator], nodes: tuple[Node, ...], end: Ref) -> Graph:
    """Put nodes behind one node and let everything else read ``end`` in its place."""
    old = Ref(after)

    def moved(ref: Ref) -> Ref:
        return end if ref == old else ref

    result: list[Node] = []
    for node in graph.nodes:
        result.append(replace(node, args=tuple((key, with_refs(value, moved)) for key, value in node.args)))
        if node.id == after:
            result.extend(nodes)
    outputs = tuple(Output(item.name, moved(item.ref), item.origin) for item in graph.outputs)
    return replace(graph, layers={**graph.layers, **layers}, nodes=tuple(result), outputs=outputs).verify()


def _first_argument(layer: Any) -> str:
    name: str = layer.call_arguments[0].name
    return name
