"""Networks inside layers, rolled up: as blocks of the document instead of one item a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vgspec.importers.document import Unwritable, network_items
from vgspec.importers.names import spec_name
from vgspec.ir import Graph
from vgspec.layers.inner import InnerModel

__all__ = ["with_networks"]

_LONGEST = 6
"""Items of a network that is written in its place."""


def with_networks(
    document: dict[str, Any], graph: Graph, decompile: Callable[[Graph], dict[str, Any]]
) -> dict[str, Any]:
    """The document with every longer network inside a layer as the use of a block.

    Args:
        document: as the decompiler made it; networks are lists of items.
        graph: what it is of.
        decompile: makes the document of a network.

    Raises:
        Unwritable: if the language has no form for something in a network.
    """
    blocks: dict[str, Any] = dict(document.get("blocks", {}))
    uses: dict[str, str] = {}
    for network in _networks(graph):
        items = network_items(network)
        key = json.dumps(items)
        if key in uses or len(items) <= _LONGEST:
            continue
        inner = decompile(network)
        if "shared" in inner:
            raise Unwritable(f"the network {network.name!r} inside a layer calls a layer several times")
        name = _free(spec_name(network.name).replace(".", "_"), blocks)
        names = {own: _free(own, {**blocks, name: None}) for own in inner.get("blocks", {})}
        blocks[name] = {"layers": _renamed(inner["layers"], names)}
        blocks |= {names[own]: _renamed(block, names) for own, block in inner.get("blocks", {}).items()}
        uses[key] = name
    if not uses:
        return document

    def replaced(value: Any) -> Any:
        if isinstance(value, list):
            return [replaced(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        made = {key: replaced(item) for key, item in value.items()}
        wrapper = made.get("TimeDistributed")
        if isinstance(wrapper, dict) and isinstance(wrapper.get("layer"), list):
            name = uses.get(json.dumps(wrapper["layer"]))
            if name is not None:
                wrapper["layer"] = {"use": name}
        return made

    found: dict[str, Any] = {}
    for key, value in document.items():
        if key == "layers":
            found["blocks"] = blocks
        if key != "blocks":
            found[key] = replaced(value)
    return found


def _networks(graph: Graph) -> Iterator[Graph]:
    for layer in graph.layers.values():
        inner: Any = layer
        while inner is not None:
            if isinstance(inner, InnerModel):
                yield inner.inner
            inner = getattr(inner, "layer", None)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number, free = 2, name
    while free in taken:
        free = f"{name}_{number}"
        number += 1
    return free


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A document's part with its blocks under other names."""
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: names.get(item, item) if key == "use" and isinstance(item, str) else _renamed(item, names)
        for key, item in value.items()
    }
