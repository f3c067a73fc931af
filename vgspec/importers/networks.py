"""Networks inside layers: their shared layers in the document, and longer ones as blocks of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from vgspec.importers.document import network_items, networks_of, shared_keys
from vgspec.importers.names import spec_name
from vgspec.ir import Graph
from vgspec.layers.inner import InnerModel
from vgspec.layers.naming import numbered

__all__ = ["with_distinct_names", "with_networks"]

_LONGEST = 6
"""Items of a network that is written in its place."""


# --- names -----------------------------------------------------------------------------------------------


def with_distinct_names(graph: Graph) -> Graph:
    """The graph with the layers that networks inside call several times under names that a document can share.

    ``shared`` is one section for the whole document, so no two networks may have a name in common, nor one the name
    of a shared layer outside.
    """
    if not any(True for _ in networks_of(graph)):
        return graph
    taken = set(shared_keys(graph)) | {call.key for call in graph.meta.get("nested", ())}
    return _distinct(graph, taken)


def _distinct(graph: Graph, taken: set[str]) -> Graph:
    """The graph with every network in it under names that are not taken, which they then are."""
    return replace(graph, layers={key: _with_network(layer, taken) for key, layer in graph.layers.items()})


def _with_network(layer: Any, taken: set[str]) -> Any:
    """A layer with the network that it holds, however deep, under names of its own."""
    if isinstance(layer, InnerModel):
        return layer.replace(graph=_distinct(_own_names(layer.inner, taken), taken))
    inner = getattr(layer, "layer", None)
    changed = None if inner is None else _with_network(inner, taken)
    return layer if changed is inner else layer.replace(layer=changed)


def _own_names(network: Graph, taken: set[str]) -> Graph:
    names: dict[str, str] = {}
    for key in shared_keys(network):
        name, number = key, 2
        while name in taken or (name != key and (name in network.layers or name in network.by_id)):
            name, number = f"{key}_{number}", number + 1
        taken.add(name)
        names[key] = name
    return replace(
        network,
        layers={names.get(key, key): layer for key, layer in network.layers.items()},
        nodes=tuple(replace(node, layer=names.get(node.layer, node.layer)) for node in network.nodes),
    )


# --- blocks ----------------------------------------------------------------------------------------------


def with_networks(
    document: dict[str, Any], graph: Graph, decompile: Callable[[Graph], dict[str, Any]]
) -> dict[str, Any]:
    """The document with every longer network inside a layer as the use of a block.

    Args:
        document: as the decompiler made it; networks are lists of items.
        graph: what it is of, its networks under distinct names.
        decompile: makes the document of a network.
    """
    blocks: dict[str, Any] = dict(document.get("blocks", {}))
    shared: dict[str, Any] = dict(document.get("shared", {}))
    uses: dict[str, str] = {}
    for network in networks_of(graph):
        items = network_items(network)
        key = json.dumps(items)
        if key in uses or len(items) <= _LONGEST:
            continue
        inner = decompile(network)
        name = numbered(spec_name(network.name).replace(".", "_"), blocks, first=2)
        renamed = {own: numbered(own, {**blocks, name: None}, first=2) for own in inner.get("blocks", {})}
        layers = {own: own for own in shared_keys(network)}
        layers |= {
            own: numbered(own, {**shared, **layers}, first=2) for own in inner.get("shared", {}) if own not in layers
        }
        blocks[name] = {"layers": _renamed(inner["layers"], renamed, layers)}
        blocks |= {renamed[own]: _renamed(block, renamed, layers) for own, block in inner.get("blocks", {}).items()}
        shared |= {layers[own]: _renamed(value, renamed, layers) for own, value in inner.get("shared", {}).items()}
        uses[key] = name
    if not uses:
        return document

    def replaced(value: Any) -> Any:
        if isinstance(value, list):
            return [replaced(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        wrapper = value.get("TimeDistributed")
        if isinstance(wrapper, Mapping) and isinstance(wrapper.get("layer"), list):
            name = uses.get(json.dumps(wrapper["layer"]))
            if name is not None:
                return {**value, "TimeDistributed": {**wrapper, "layer": {"use": name}}}
        return {key: replaced(item) for key, item in value.items()}

    blocks, layers = replaced(blocks), replaced(document["layers"])
    called = set(_called([*blocks.values(), *shared.values(), layers]))
    shared = {name: replaced(value) for name, value in shared.items() if name in called}
    found: dict[str, Any] = {}
    for key, value in document.items():
        if key == "layers":
            found |= {"shared": shared} if shared else {}
            found["blocks"] = blocks
        if key not in ("blocks", "shared"):
            found[key] = replaced(value)
    return found


def _called(value: Any) -> Iterator[str]:
    """The shared layers that a part of a document calls."""
    if isinstance(value, list):
        for item in value:
            yield from _called(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key == "call" and isinstance(item, str):
                yield item
            else:
                yield from _called(item)


def _renamed(value: Any, blocks: Mapping[str, str], shared: Mapping[str, str]) -> Any:
    """A document's part with its blocks and shared layers under other names."""
    if isinstance(value, list):
        return [_renamed(item, blocks, shared) for item in value]
    if not isinstance(value, Mapping):
        return value
    names = {"use": blocks, "call": shared}
    return {
        key: names[key].get(item, item) if key in names and isinstance(item, str) else _renamed(item, blocks, shared)
        for key, item in value.items()
    }
