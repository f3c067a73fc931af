"""What differs between two graphs: calls, arguments, connections, shapes, sizes.

Calls are paired by their ids first; what is left is paired in order by type and arguments, so that a renamed
layer is a renamed layer, not one that went and one that came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from vgspec.analysis.cost import graph_cost, node_costs
from vgspec.importers.order import canonical_order
from vgspec.ir import Argument, Graph, Node, Ref, Returns

__all__ = ["CallChange", "Comparison", "compare"]


@dataclass(frozen=True, slots=True)
class CallChange:
    """What became of one call.

    Attributes:
        kind: ``added``, ``removed``, ``changed`` or ``renamed``.
        before: its id in the first graph, empty if it was added.
        after: its id in the second graph, empty if it was removed.
        type: the layer's type, the new one where that changed.
        details: what changed, one a line.
    """

    kind: str
    before: str
    after: str
    type: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs; nothing where ``equal``.

    Attributes:
        equal: whether the graphs are equal.
        equal_but_names: whether they are equal when names are left aside.
        calls: changes of calls, in the order of the second graph, removed ones last.
        other: inputs, outputs and compile settings that differ, one a line.
        totals: by quantity, the value before and after.
    """

    equal: bool
    equal_but_names: bool
    calls: tuple[CallChange, ...]
    other: tuple[str, ...]
    totals: Mapping[str, tuple[Any, Any]]


def compare(a: Graph, b: Graph) -> Comparison:
    """Compare two graphs."""
    a, b = canonical_order(a), canonical_order(b)
    pairs = _pairs(a, b)
    calls: list[CallChange] = []
    back = {new: old for old, new in pairs.items()}
    for node in b.nodes:
        old = back.get(node.id)
        if old is None:
            calls.append(CallChange("added", "", node.id, b.operator(node).title))
            continue
        details = _changes(a, a.by_id[old], b, node, pairs)
        if details:
            calls.append(CallChange("changed", old, node.id, b.operator(node).title, tuple(details)))
        elif old != node.id:
            calls.append(CallChange("renamed", old, node.id, b.operator(node).title))
    calls += [CallChange("removed", node.id, "", a.operator(node).title) for node in a.nodes if node.id not in pairs]
    costs_a, costs_b = graph_cost(node_costs(a)), graph_cost(node_costs(b))
    totals = {
        "calls": (len(a.nodes), len(b.nodes)),
        "layers": (len(a.layers), len(b.layers)),
        "trainable parameters": (_plain(costs_a.trainable), _plain(costs_b.trainable)),
        "other parameters": (_plain(costs_a.frozen), _plain(costs_b.frozen)),
        "FLOPs for one sample": (_plain(costs_a.flops), _plain(costs_b.flops)),
    }
    return Comparison(
        a.hash() == b.hash(),
        a.hash(names=False) == b.hash(names=False),
        tuple(calls),
        tuple(_other(a, b, pairs)),
        totals,
    )


def _plain(size: Any) -> Any:
    return size if size is None or isinstance(size, int) else str(size)


def _signature(graph: Graph, node: Node) -> str:
    layer = graph.operator(node)
    return json.dumps([layer.type_name, layer.canonical()], sort_keys=True, default=str)


def _pairs(a: Graph, b: Graph) -> dict[str, str]:
    """Calls of the first graph by those of the second that they became."""
    pairs = {
        node.id: node.id
        for node in a.nodes
        if node.id in b.by_id and a.operator(node).type_name == b.operator(b.by_id[node.id]).type_name
    }
    for exact in (True, False):
        taken = set(pairs.values())
        rest_a = [node for node in a.nodes if node.id not in pairs]
        rest_b = [node for node in b.nodes if node.id not in taken]
        keys = [
            [_signature(graph, node) if exact else graph.operator(node).type_name for node in nodes]
            for graph, nodes in ((a, rest_a), (b, rest_b))
        ]
        matcher = SequenceMatcher(None, keys[0], keys[1], autojunk=False)
        for block in matcher.get_matching_blocks():
            for i in range(block.size):
                pairs[rest_a[block.a + i].id] = rest_b[block.b + i].id
    return pairs


def _changes(a: Graph, old: Node, b: Graph, new: Node, pairs: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    before, after = a.operator(old), b.operator(new)
    if before.type_name != after.type_name:
        found.append(f"{before.title} → {after.title}")
    given, now = before.canonical(), after.canonical()
    for key in dict.fromkeys((*given, *now)):
        if given.get(key) != now.get(key):
            found.append(f"{key}: {_shown(given.get(key))} → {_shown(now.get(key))}")
    read, reads = _argument(dict(old.args), pairs), _argument(dict(new.args), {})
    if read != reads:
        found.append(f"in: {_shown(_argument(dict(old.args), {}))} → {_shown(reads)}")
    shapes = [", ".join(map(str, node.outputs)) for node in (old, new)]
    if shapes[0] != shapes[1]:
        found.append(f"output: {shapes[0]} → {shapes[1]}")
    shared = [sum(node.layer == one.layer for node in graph.nodes) for graph, one in ((a, old), (b, new))]
    if shared[0] != shared[1]:
        found.append(f"calls that share its weights: {shared[0]} → {shared[1]}")
    return found


def _argument(value: Argument, pairs: Mapping[str, str]) -> Any:
    if isinstance(value, Ref):
        return str(Ref(pairs.get(value.node, value.node), value.index))
    if isinstance(value, tuple | list):
        return [_argument(item, pairs) for item in value]
    if isinstance(value, Mapping):
        return {key: _argument(item, pairs) for key, item in value.items()}
    return value


def _shown(value: Any) -> str:
    if value is None:
        return "default"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:79] + "…"


def _other(a: Graph, b: Graph, pairs: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    before = {item.name: f"{item.tensor} {dict(item.options) or ''}".strip() for item in a.inputs}
    after = {item.name: f"{item.tensor} {dict(item.options) or ''}".strip() for item in b.inputs}
    found += _by_name("input", before, after)
    if list(before) != list(after) and sorted(before) == sorted(after):
        found.append(f"order of inputs: {', '.join(before)} → {', '.join(after)}")
    before = {item.name: str(Ref(pairs.get(item.ref.node, item.ref.node), item.ref.index)) for item in a.outputs}
    after = {item.name: str(item.ref) for item in b.outputs}
    found += _by_name("output", before, after)
    if a.returns is not b.returns:
        found.append(f"returns: a {a.returns.value} → a {b.returns.value}")
    elif a.returns is Returns.LIST and list(before) != list(after) and sorted(before) == sorted(after):
        found.append(f"order of outputs: {', '.join(before)} → {', '.join(after)}")
    settings = [{} if graph.compile is None else graph.compile.canonical() for graph in (a, b)]
    for key in dict.fromkeys((*settings[0], *settings[1])):
        if settings[0].get(key) != settings[1].get(key):
            found.append(f"compile {key}: {_shown(settings[0].get(key))} → {_shown(settings[1].get(key))}")
    if a.name != b.name:
        found.append(f"name: {a.name} → {b.name}")
    return found


def _by_name(what: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    found = [f"{what} {name} removed ({value})" for name, value in before.items() if name not in after]
    found += [f"{what} {name} added ({value})" for name, value in after.items() if name not in before]
    return found + [
        f"{what} {name}: {value} → {after[name]}"
        for name, value in before.items()
        if name in after and after[name] != value
    ]
