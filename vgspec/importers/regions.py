"""Graph → nested items: chains, residual and parallel forms; whatever is neither refers by id.

A value that several calls read opens a region if everything that is computed from it comes together again in
one call, and nothing inside is read outside. The inputs of that call are the ends of the branches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vgspec.frontend.scope import snake_case
from vgspec.importers.document import arguments_value, shared_keys, source_value
from vgspec.importers.items import Item, Items, freeze, simplest
from vgspec.importers.keras_config import NestedCall
from vgspec.importers.names import spec_name
from vgspec.ir import Graph, Node, Ref

__all__ = ["Regions", "arguments"]

_LOOK_AHEAD = 600
"""Calls after the opening of a region among which its end is looked for."""


def arguments(layer: Any) -> tuple[tuple[str, Any], ...]:
    """The changed arguments of a layer, one number in place of equal ones per axis."""
    return tuple((name, freeze(simplest(type(layer), name, value))) for name, value in arguments_value(layer).items())


@dataclass(slots=True)
class Regions:
    """Turns a graph into items; `ids` says which values are referred to by name."""

    graph: Graph
    names: dict[str, str]
    """The id of each node that is referred to."""
    shared: frozenset[str] = frozenset()
    order: dict[str, int] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    models: dict[str, Items] = field(default_factory=dict)
    """The lists of models that are called several times, by name."""
    entered: set[str] = field(default_factory=set)
    """Calls of nested models that have been turned into items, or are being so."""

    @classmethod
    def of(cls, graph: Graph) -> Regions:
        """For a graph."""
        return cls(
            graph,
            {node.id: node.id for node in graph.nodes},
            frozenset(shared_keys(graph)),
            {node.id: i for i, node in enumerate(graph.nodes)},
            frozenset(output.ref.node for output in graph.outputs),
        )

    def top(self) -> Items:
        """The model's list."""
        graph = self.graph
        start = Ref(graph.inputs[0].name) if len(graph.inputs) == 1 else None
        return self.chain(graph.nodes, start, top=True)

    def chain(
        self, nodes: Sequence[Node], start: Ref | None, *, top: bool = False, inside: str = "", keep: bool = False
    ) -> Items:
        """The items of some calls in order, beginning at a value.

        Args:
            nodes: the calls; what they read stands among them, or is ``start``, or (at the top) an input.
            start: the value to which the first item is applied by default.
            top: whether it is the model's own list.
            inside: the end of the region that these calls are.
            keep: whether ids are kept, which otherwise only the model's own list has.
        """
        found: list[tuple[Item, str]] = []
        rest = {node.id: node for node in nodes}
        wanted: set[str] = set()
        current = start
        while rest:
            nested = self._nested(current, rest, whole=True)
            region = self._region(current, rest, inside) if current is not None and nested is None else None
            if region is None and nested is None:
                nested = self._nested(current, rest, whole=False)
            if region is None and nested is None:
                nested = self._nested(self._entry(self._next(current, rest)), rest, whole=False)
            if nested is not None:
                item = self._model(nested, nested.inputs[0], rest)
                if nested.inputs[0] != current:
                    source = (("in", self._name(nested.inputs[0], wanted, start, top=top)),)
                    item = replace(item, extra=source, pinned=True)
                node = self.graph.by_id[nested.outputs[0].node]
                for name in nested.nodes:
                    rest.pop(name, None)
            elif region is not None:
                merge, branches = region
                assert current is not None
                item = self._joined(merge, branches, current) if branches else self._group(merge, current, rest)
                for name in self._back(current, merge, rest):
                    del rest[name]
                node = rest.pop(merge.id)
            else:
                node = self._next(current, rest)
                del rest[node.id]
                item = self._call(node, current, wanted, start, top=top)
            found.append((item, node.id))
            current = Ref(node.id) if len(node.outputs) == 1 else None
        last = found[-1][1] if found else ""
        items: list[Item] = []
        for item, node_id in found:
            needed = node_id in wanted or (top and node_id in self.outputs and node_id != last)
            if needed:
                item = replace(item, id=self.names[node_id], pinned=True)
            items.append(item if needed or top or keep else replace(item, id=""))
        return tuple(items)

    def _next(self, current: Ref | None, rest: Mapping[str, Node]) -> Node:
        """The next call: one that is applied to the value at hand, if it can be made already."""
        first = next(iter(rest.values()))
        if current is None or current.node not in self.graph.consumers:
            return first
        for name in self.graph.consumers[current.node]:
            node = rest.get(name)
            if node is not None and all(ref.node not in rest for ref in node.refs()):
                return node
        return next(node for node in rest.values() if all(ref.node not in rest for ref in node.refs()))

    def _entry(self, node: Node) -> Ref | None:
        """The input of the outermost nested model that a call is the first of."""
        calls = (call for call in self.graph.meta.get("nested", ()) if node.id in call.nodes)
        return next((call.inputs[0] for call in calls if call.id not in self.entered and len(call.inputs) == 1), None)

    def _name(self, ref: Ref, wanted: set[str], start: Ref | None, *, top: bool) -> str:
        """How a list refers to a value; the call that it comes from gets an id."""
        if ref == start and not top:
            return "input"
        if ref.node in self.graph.input_by_name:
            return ref.node
        wanted.add(ref.node)
        several = len(self.graph.by_id[ref.node].outputs) > 1
        return f"{self.names[ref.node]}:{ref.index}" if several else self.names[ref.node]

    # --- one call ------------------------------------------------------------------------------------

    def _call(self, node: Node, current: Ref | None, wanted: set[str], start: Ref | None, *, top: bool) -> Item:
        layer: Any = self.graph.operator(node)

        def name(ref: Ref) -> str:
            return self._name(ref, wanted, start, top=top)

        source, literals = source_value(layer, node, current, name)
        extra: tuple[tuple[str, Any], ...] = () if source is None else (("in", freeze(source)),)
        if literals:
            extra = (*extra, ("call_args", freeze(literals)))
        pinned = source is not None
        if node.layer in self.shared:
            return Item("call", node.layer, extra=extra, pinned=pinned, id=self.names[node.id])
        return Item(layer.type_name, "", arguments(layer), extra=extra, pinned=pinned, id=self.names[node.id])

    # --- nested models -------------------------------------------------------------------------------

    def _nested(self, current: Ref | None, rest: Mapping[str, Node], *, whole: bool) -> NestedCall | None:
        """A nested model of one input and one output that is applied to a value, whose calls are all at hand.

        ``whole``: only one that is all that reads the value.
        """
        for call in self.graph.meta.get("nested", ()):
            nodes = [name for name in call.nodes if name in self.graph.by_id]
            if call.id in self.entered or call.inputs != (current,) or len(call.outputs) != 1 or not nodes:
                continue
            inside, end = set(nodes), call.outputs[0]
            if end.node not in inside or end.index or len(self.graph.by_id[end.node].outputs) != 1:
                continue
            if any(name not in rest for name in nodes):
                continue
            if whole and any(name in rest and name not in inside for name in self.graph.consumers[end_of(current)]):
                continue
            leaks = any(
                name != end.node and (name in self.outputs or not inside.issuperset(self.graph.consumers[name]))
                for name in nodes
            )
            needs = any(ref != current and ref.node not in inside for name in nodes for ref in rest[name].refs())
            if not leaks and not needs:
                found: NestedCall = call
                return found
        return None

    def _model(self, call: NestedCall, current: Ref, rest: Mapping[str, Node]) -> Item:
        """A nested model as an item: a block, or the call of a shared one."""
        nodes = [rest[name] for name in call.nodes if name in rest]
        own = call.id.rpartition(".")[2]
        end = call.outputs[0].node
        self.entered.add(call.id)
        prefix = f"{call.key}."
        if call.calls > 1 and all(node.layer.startswith(prefix) for node in nodes):
            name = prefix[:-1]
            if name not in self.models:
                self.models[name] = self._inner(nodes, current, call, self.shared - _within(self.shared, prefix))
            self.entered |= {inner.id for inner in self.graph.meta["nested"] if inner.id.startswith(call.id + ".")}
            self.names[end] = own
            return Item("call", name, id=own)
        body = self._inner(nodes, current, call, self.shared)
        self.names[end] = own
        return Item("group", lists=(("body", body),), id=own, hint=spec_name(call.name))

    def _inner(self, nodes: Sequence[Node], current: Ref, call: NestedCall, shared: frozenset[str]) -> Items:
        for node in nodes:
            self.names[node.id] = node.id.removeprefix(f"{call.id}.")
        before, self.shared = self.shared, shared
        try:
            return self.chain(nodes, current, keep=True)
        finally:
            self.shared = before

    # --- regions -------------------------------------------------------------------------------------

    def _region(self, current: Ref, rest: Mapping[str, Node], inside: str) -> tuple[Node, list[list[Node]]] | None:
        """The call where everything that is computed from a value comes together, and the branches up to it.

        There are no branches where they have calls in common, or their end cannot join them by itself.
        """
        readers = [name for name in self.graph.consumers.get(current.node, ()) if name in rest]
        if len(readers) < 2:
            return None
        first = min(self.order[name] for name in readers)
        last = max(self.order[name] for name in readers)
        candidates = [node for node in rest.values() if self.order[node.id] > first][:_LOOK_AHEAD]
        for merge in candidates:
            if self.order[merge.id] < last or merge.id == inside or len({ref.node for ref in merge.refs()}) < 2:
                continue
            if len(merge.outputs) == 1 and self._is_closed(current, merge, rest):
                return merge, self._branches(current, merge, rest)
        return None

    def _back(self, current: Ref, merge: Node, rest: Mapping[str, Node]) -> set[str]:
        """The calls between a value and a call; calls that need anything else end up in it as unknown names."""
        names: set[str] = set()
        stack = list(merge.refs())
        while stack:
            ref = stack.pop()
            if ref == current or ref.node in names:
                continue
            names.add(ref.node)
            if ref.node in rest:
                stack.extend(rest[ref.node].refs())
        return names

    def _is_closed(self, current: Ref, merge: Node, rest: Mapping[str, Node]) -> bool:
        """Whether the calls between need nothing but the value, and are read nowhere else."""
        names = self._back(current, merge, rest)
        inside = names | {merge.id}
        for name in names:
            if name not in rest or name in self.outputs:
                return False
            if any(reader not in inside for reader in self.graph.consumers[name]):
                return False
        readers = self.graph.consumers.get(current.node, ())
        return all(name in inside or name not in rest for name in readers)

    def _merged(self, node: Node) -> tuple[Ref, ...]:
        """The values that a call joins, in the order in which ``merge`` gives it branches; empty if it cannot."""
        layer: Any = self.graph.operator(node)
        rows = layer.open_arguments
        if node.layer in self.shared or not rows:
            return ()
        value: Any = node.args[0][1] if len(node.args) == 1 and rows[0].many else ()
        if layer.inputs_in_order and [name for name, _ in node.args] == [row.name for row in rows[: len(node.args)]]:
            value = value or tuple(argument for _, argument in node.args)
        joins = isinstance(value, tuple) and len(value) > 1 and all(isinstance(ref, Ref) for ref in value)
        return value if joins else ()

    def _branches(self, current: Ref, merge: Node, rest: Mapping[str, Node]) -> list[list[Node]]:
        ends = self._merged(merge)
        if not ends:
            return []
        taken: set[str] = set()
        branches: list[list[Node]] = []
        for end in ends:
            names: set[str] = set()
            stack = [end]
            while stack:
                ref = stack.pop()
                if ref == current or ref.node in names:
                    continue
                if ref.node in taken:
                    return []
                names.add(ref.node)
                stack.extend(rest[ref.node].refs())
            if end != current and len(self.graph.by_id[end.node].outputs) != 1:
                return []
            taken |= names
            branches.append([rest[name] for name in sorted(names, key=self.order.__getitem__)])
        return branches

    def _group(self, merge: Node, current: Ref, rest: Mapping[str, Node]) -> Item:
        """A region that only ids can describe: it becomes a block, whose ids nobody sees."""
        names = {*self._back(current, merge, rest), merge.id}
        nodes = [rest[name] for name in sorted(names, key=self.order.__getitem__)]
        counts: dict[str, int] = {}
        for node in nodes[:-1]:  # what the last one is called is the business of the list around
            base = snake_case(self.graph.operator(node).type_name)
            counts[base] = counts.get(base, 0) + 1
            self.names[node.id] = f"{base}{counts[base]}"
        return Item("group", lists=(("body", self.chain(nodes, current, inside=merge.id)),), id=merge.id)

    def _joined(self, merge: Node, branches: list[list[Node]], current: Ref) -> Item:
        layer: Any = self.graph.operator(merge)
        how = Item(layer.type_name, "", arguments(layer))
        lists = [self.chain(branch, current) for branch in branches]
        if len(lists) == 2 and not lists[0]:
            return Item("residual", lists=(("body", lists[1]),), merge=how, id=merge.id)
        if len(lists) == 2 and not lists[1]:
            named = (("body", lists[0]), ("shortcut", ()))
            return Item("parallel", lists=named, merge=how, id=merge.id)
        if len(lists) == 2 and layer.type_name == "Add":
            return Item("residual", lists=(("body", lists[1]), ("shortcut", lists[0])), merge=how, id=merge.id)
        return Item("parallel", lists=tuple((f"b{i}", items) for i, items in enumerate(lists)), merge=how, id=merge.id)


def end_of(ref: Ref | None) -> str:
    """The node of a value."""
    assert ref is not None
    return ref.node


def _within(keys: frozenset[str], prefix: str) -> frozenset[str]:
    return frozenset(key for key in keys if key.startswith(prefix))
