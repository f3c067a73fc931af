"""What a config holds beside the model: masks that Keras makes by itself, and layers that nothing reads.

When a functional model is called, Keras writes the masks that it passes on into the config, computed by nodes of
their own (``NotEqual`` of the ids and 0). Built again from a spec, the model makes the same masks by itself, so
these arguments and nodes are left out. A mask of the user's own stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vgspec.ir import Graph, Node, Ref
from vgspec.layers.opaque import is_opaque

__all__ = ["clean"]


def clean(graph: Graph, masks: Mapping[str, Ref]) -> tuple[Graph, tuple[str, ...]]:
    """The graph without automatic masks and unread nodes, and the nodes that lost a mask of the user's own.

    Args:
        graph: as the config has it.
        masks: the mask that each call was given.
    """
    automatic = _automatic(graph)
    nodes: list[Node] = []
    unresolved: list[str] = []
    for node in graph.nodes:
        mask = masks.get(node.id)
        if mask is not None:
            first = next((ref for ref in node.refs()), None)
            own = _is_own(graph, mask, automatic.get(first) if first is not None else None)
            if own:
                node = replace(node, args=tuple(item for item in node.args if item[0] != "mask"))
            elif all(name != "mask" for name, _ in node.args):
                unresolved.append(node.id)
        nodes.append(node)
    return _pruned(replace(graph, nodes=tuple(nodes))), tuple(unresolved)


def _automatic(graph: Graph) -> dict[Ref, tuple[str, Ref]]:
    """For each value that carries a mask which Keras made: the layer type that made it, and from what."""
    found: dict[Ref, tuple[str, Ref]] = {}
    for node in graph.nodes:
        layer: Any = graph.operator(node)
        first = next(iter(node.refs()), None)
        if first is None:
            continue
        if is_opaque(layer):  # whether it makes a mask is not known: one that comes from it is taken for Keras's
            found |= {Ref(node.id, i): (layer.type_name, first) for i in range(len(node.outputs))}
        elif getattr(layer, "makes_mask", False):
            found[Ref(node.id)] = (layer.type_name, first)
        elif getattr(layer, "supports_masking", False) and first in found:
            found[Ref(node.id)] = found[first]
    return found


def _is_own(graph: Graph, mask: Ref, made: tuple[str, Ref] | None) -> bool:
    """Whether a mask is the one that Keras makes: ``ids != 0``, or for Masking any feature that is not its value."""
    node = graph.by_id.get(mask.node)
    if made is None or node is None:
        return False
    kind, source = made
    if kind == "Opaque":
        return True
    if kind == "Masking" and graph.operator(node).type_name == "ops.any":
        inner = next(iter(node.refs()), None)
        node = graph.by_id.get(inner.node) if inner is not None else None
    return (
        node is not None
        and graph.operator(node).type_name == "ops.not_equal"
        and next(iter(node.refs()), None) == source
    )


def _pruned(graph: Graph) -> Graph:
    """Without the nodes from which no output is reached."""
    needed = {output.ref.node for output in graph.outputs}
    for node in reversed(graph.nodes):
        if node.id in needed:
            needed.update(ref.node for ref in node.refs())
    nodes = tuple(node for node in graph.nodes if node.id in needed)
    if len(nodes) == len(graph.nodes):
        return graph
    called = {node.layer for node in nodes}
    layers = {key: layer for key, layer in graph.layers.items() if key in called}
    return replace(graph, nodes=nodes, layers=layers)
