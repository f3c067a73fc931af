"""Graph → a document as a person would write it: chains, residuals, branches, blocks with parameters, repeats.

What comes out is loaded again and must give the same graph, names of layers aside; if it does not, a plainer form
is taken. So a mistake in here can cost brevity, never correctness.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vgspec.frontend.load import load
from vgspec.frontend.scope import snake_case
from vgspec.importers.document import (
    flat_document,
    has_own_name,
    head,
    layer_value,
    outputs_value,
    shared_inside,
    shared_keys,
)
from vgspec.importers.items import Item, Items, thaw, written
from vgspec.importers.networks import with_networks
from vgspec.importers.order import same_model
from vgspec.importers.regions import Regions
from vgspec.importers.roll import Block, roll
from vgspec.ir import Graph, Output, Ref, Returns

__all__ = ["decompile"]


def decompile(graph: Graph) -> dict[str, Any]:
    """The shortest of the forms that give the same graph.

    Raises:
        Unwritable: if the language has no form for something in it.
    """
    flat = flat_document(graph)
    for plain in (graph, replace(graph, meta={})):  # with nested models as blocks, or else flattened
        regions = Regions.of(plain)
        items = regions.top()
        rolled, blocks = roll(items, regions.models)
        document = with_networks(_document(plain, rolled, blocks, regions), plain, decompile)
        loaded = load(document)
        if loaded.graph is not None and same_model(loaded.graph, graph):
            return document
    return flat


def _document(graph: Graph, items: Items, blocks: Mapping[str, Block], regions: Regions) -> dict[str, Any]:
    document = head(graph)
    models = regions.models
    shared: dict[str, Any] = {
        key: layer_value(graph.layers[key])
        for key in shared_keys(graph)
        if not any(key.startswith(f"{name}.") for name in models)
    }
    shared |= {name: {"use": name} for name in models} | shared_inside(graph)
    if shared:
        document["shared"] = shared
    if blocks:
        document["blocks"] = {name: _block(block) for name, block in blocks.items()}
    shown, last = _top_ids(items, graph)
    document["layers"] = [written(item) for item in shown]
    outputs = _outputs(graph, shown, last, regions.names)
    if outputs is not None:
        document["outputs"] = outputs
    if graph.compile is not None:
        document["compile"] = graph.compile.canonical()
    return document


def _block(block: Block) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if block.params:
        found["params"] = {
            row.name: thaw(row.default) if row.bare else {"type": row.type} | row.default_entry()
            for row in block.params
        }
    return found | {"layers": [written(_in_block(item, block.keeps_ids)) for item in block.items]}


def _without_id(item: Item) -> Item:
    """Ids inside blocks and branches are kept only where they are referred to."""
    plain = item.with_lists(lambda items: tuple(_without_id(inner) for inner in items))
    return plain if item.pinned else replace(plain, id="")


def _in_block(item: Item, keeps: bool) -> Item:
    plain = _without_id(item)
    return replace(plain, id=item.id) if keeps and item.id and _is_own_name(item) else plain


_COUNTED = re.compile(r"_\d+$")


def _is_own_name(item: Item) -> bool:
    """Whether an id says more than Keras's automatic names do."""
    return _COUNTED.sub("", item.id) != snake_case(item.action)


def _top_ids(items: Items, graph: Graph) -> tuple[list[Item], str]:
    """The top list with the ids to be kept, and the id of the last item if the output is to be called by it."""
    shown: list[Item] = []
    for item in items:
        plain = _without_id(item)
        keeps = (
            item.pinned
            or bool(item.hint)
            or (item.action not in ("residual", "parallel", "repeat", "use") and _is_own_name(item))
        )
        shown.append(replace(plain, id=item.id if keeps else ""))
    if not shown:
        return shown, ""
    final = graph.outputs[-1].ref.node
    if items[-1].action in ("residual", "parallel", "repeat", "use"):
        if graph.returns is not Returns.TENSOR:
            shown[-1] = replace(shown[-1], id=shown[-1].id or _fresh("head", shown))
        return shown, shown[-1].id
    shown[-1] = replace(shown[-1], id=final if items[-1].id == final else shown[-1].id)
    return shown, shown[-1].id


def _fresh(name: str, items: list[Item]) -> str:
    taken = {item.id for item in items}
    while name in taken:
        name += "_"
    return name


def _outputs(graph: Graph, items: list[Item], last: str, names: Mapping[str, str]) -> Any:
    final, inner = items[-1], ""
    if final.action in ("residual", "parallel", "repeat", "use"):
        others = {item.id for item in items[:-1]}
        ends = [output.ref.node for output in graph.outputs]
        inner = next((end for end in ends if end in graph.by_id and names.get(end, end) not in others), "")
    composed = {item.id for item in items if item.action in ("residual", "parallel", "repeat", "use", "call")}

    def shown(ref: Ref) -> str:
        return last if ref.node == inner else _plain(graph, ref, names)

    def named(output: Output) -> bool:  # what comes out of composed items has a longer id
        return shown(output.ref).partition(":")[0] in composed or has_own_name(output)

    if graph.returns is Returns.TENSOR:  # what it is called matters to nobody
        ref = graph.outputs[0].ref
        return None if inner or ref == Ref(final.id) else shown(ref)
    return outputs_value(graph, shown, None, named)


def _plain(graph: Graph, ref: Ref, names: Mapping[str, str]) -> str:
    several = ref.node in graph.by_id and len(graph.by_id[ref.node].outputs) > 1
    name = names.get(ref.node, ref.node)
    return f"{name}:{ref.index}" if several else name
