"""Networks inside wrappers, laid open: ``TimeDistributed`` of a network as ``TimeDistributed`` of each of its layers.

To apply two layers, one after the other, to every step is to apply the first to every step and then the second. So
the analysis and the rules see every layer, at its own place in the document. Elementwise merges need no wrapper; a
layer of several inputs that has none of these forms leaves its network closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from vgspec.analysis.cost import call_of
from vgspec.ir import Argument, Graph, Input, Node, Output, Ref, Tensor, refs_of, with_refs
from vgspec.layers.base import Call, Layer, ShapeError
from vgspec.layers.inner import InnerModel, calls

__all__ = ["unfolded"]

_ELEMENTWISE = frozenset({"Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"})


def unfolded(graph: Graph) -> Graph:
    """The graph with every network inside a wrapper laid open as far as possible; the graph itself if it has none."""
    if not any(_holds(layer) for layer in graph.layers.values()):
        return graph
    nodes: list[Node] = []
    layers: dict[str, Any] = {}
    moved: dict[Ref, Ref] = {}
    for node in graph.nodes:
        layer: Any = graph.layers[node.layer]
        node = replace(node, args=tuple((name, _moved(value, moved)) for name, value in node.args))
        opened = _opened(layer, node, call_of(graph, graph.by_id[node.id])) if _holds(layer) else None
        if opened is None:
            nodes.append(node)
            layers[node.layer] = layer
            continue
        inner, found, end = opened
        nodes += inner
        layers |= found
        moved[Ref(node.id)] = end
    outputs = tuple(replace(item, ref=moved.get(item.ref, item.ref)) for item in graph.outputs)
    return replace(graph, layers=layers, nodes=tuple(nodes), outputs=outputs).verify()


def _holds(layer: Any) -> bool:
    """Whether a layer is a wrapper around a network, or around another such wrapper."""
    kind: object = type(layer)
    if not _wraps(kind):
        return False
    inner = layer.layer
    return isinstance(inner, InnerModel) or _holds(inner)


@lru_cache(maxsize=1024)
def _wraps(kind: object) -> bool:
    """Whether layers of a class apply another one step by step."""
    return hasattr(kind, "step") and "layer" in getattr(kind, "model_fields", ())


def _inside(layer: Any, call: Call) -> Graph:
    """The network of a wrapper for one step; that of a wrapper of a wrapper has one call."""
    step, inner = layer.step(call), layer.layer
    if isinstance(inner, InnerModel):
        return inner.typed(step)
    start, name = Input("input", step.x), "steps"
    node = Node(name, name, (("inputs", Ref("input")),), inner.infer_outputs(step))
    return Graph("", (start,), {name: inner}, (node,), (Output(name, Ref(name)),))


def _moved(value: Argument, moved: Mapping[Ref, Ref]) -> Argument:
    return with_refs(value, lambda ref: moved.get(ref, ref))


def _opened(layer: Any, node: Node, call: Call) -> tuple[list[Node], dict[str, Any], Ref] | None:
    """The calls of the network inside, each for all steps; None where one of them has no such form."""
    source = node.args[0][1]
    time = call.x.shape[1]
    graph = unfolded(_inside(layer, call))
    moved: dict[Ref, Ref] = {Ref(graph.inputs[0].name): source}
    nodes: list[Node] = []
    layers: dict[str, Any] = {}
    for inner, given in calls(graph):
        outer = _over_time(layer, graph.layers[inner.layer], given)
        if outer is None:
            return None
        name, key = f"{node.id}.{inner.id}", f"{node.layer}.{inner.layer}"
        outputs = tuple(Tensor((item.shape[0], time, *item.shape[1:]), item.dtype) for item in inner.outputs)
        args = tuple((argument, _moved(value, moved)) for argument, value in inner.args)
        chain = (*node.origin.chain, *inner.origin.chain[len(node.origin.chain) :])
        origin = replace(inner.origin, chain=chain)
        nodes.append(Node(name, key, args, outputs, origin, (*node.lint, *inner.lint)))
        layers[key] = outer
        moved |= {Ref(inner.id, i): Ref(name, i) for i in range(len(outputs))}
    return nodes, layers, moved[graph.outputs[0].ref]


def _over_time(wrapper: Any, layer: Any, given: Call) -> Layer | None:
    """What a layer for one step is for all steps."""
    tensors = sum(1 for value in given.args.values() for _ in _types(value))
    found: Layer | None = None
    if tensors == 1:
        try:
            first = next(iter(given.args))
            made = wrapper.replace(layer=layer, trainable=wrapper.trainable and layer.trainable)
            if made.layer.call_arguments[0].name == first and set(given.args) <= {first, "training"}:
                found = made
        except (ValidationError, ShapeError):
            return None
    elif layer.type_name in _ELEMENTWISE:
        found = layer
    elif layer.type_name == "Concatenate":
        found = layer if layer.axis < 0 else layer.replace(axis=layer.axis + 1)
    return found


def _types(value: Any) -> Any:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _types(item)
    else:
        yield from refs_of(value)
