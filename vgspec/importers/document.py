"""Graph → document, one item a call: the flat form, in which every node keeps its id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vgspec.frontend.outputs import output_name
from vgspec.frontend.scope import snake_case
from vgspec.ir import BATCH, Argument, Graph, Input, Node, Output, Ref, Returns, Sym, refs_of
from vgspec.layers.inner import InnerModel

__all__ = [
    "Unwritable",
    "call_item",
    "flat_document",
    "has_own_name",
    "input_value",
    "layer_value",
    "networks_of",
    "outputs_value",
    "reference",
    "shared_inside",
    "shared_keys",
]


class Unwritable(Exception):
    """A graph holds something that the language has no form for."""


def flat_document(graph: Graph) -> dict[str, Any]:
    """The document of a graph: inputs, shared layers, one item a node, outputs, compile settings.

    Loading it gives the same graph, names included.

    Raises:
        Unwritable: for call arguments nested deeper than the language can write.
    """
    document = head(graph)
    shared = shared_keys(graph)
    section = {key: layer_value(graph.layers[key]) for key in shared} | shared_inside(graph)
    if section:
        document["shared"] = section
    items: list[Any] = []
    previous = Ref(graph.inputs[0].name) if len(graph.inputs) == 1 else None
    counts: dict[str, int] = {}
    taken: set[str] = set()
    for node in graph.nodes:
        item = call_item(graph, node, previous, shared=node.layer in shared)
        base = node.layer.rpartition(".")[2] if node.layer in shared else snake_case(graph.operator(node).type_name)
        if automatic(base, counts, taken) != node.id:
            item = {"id": node.id, **item}
        else:
            count_name(base, counts, taken)
        taken.add(node.id)
        items.append(plain(item))
        previous = Ref(node.id) if len(node.outputs) == 1 else None
    document["layers"] = items
    outputs = outputs_value(graph, lambda ref: reference(graph, ref), previous)
    if outputs is not None:
        document["outputs"] = outputs
    if graph.compile is not None:
        document["compile"] = graph.compile.canonical()
    return document


def head(graph: Graph) -> dict[str, Any]:
    """The version, the name and the inputs."""
    return {"vgspec": "1", "name": graph.name, "inputs": {item.name: input_value(item) for item in graph.inputs}}


def shared_keys(graph: Graph) -> tuple[str, ...]:
    """The layers that are called more than once, or whose one call has another name."""
    calls: dict[str, list[str]] = {}
    for node in graph.nodes:
        calls.setdefault(node.layer, []).append(node.id)
    return tuple(key for key, ids in calls.items() if len(ids) > 1 or ids[0] != key)


def automatic(base: str, counts: Mapping[str, int], taken: set[str]) -> str:
    """The id that an item without one gets."""
    count = counts.get(base, 0)
    while True:
        name = f"{base}_{count}" if count else base
        count += 1
        if name not in taken:
            return name


def count_name(base: str, counts: dict[str, int], taken: set[str]) -> None:
    """Take note that an item has got its automatic id."""
    while True:
        count = counts.get(base, 0)
        counts[base] = count + 1
        if (f"{base}_{count}" if count else base) not in taken:
            return


def plain(item: dict[str, Any]) -> Any:
    """An item that is only a layer without arguments as its name alone."""
    if len(item) == 1:
        name, value = next(iter(item.items()))
        if value in ({}, None):
            return name
    return item


def input_value(item: Input) -> Any:
    """An input as ``inputs`` has it."""
    batch, *sizes = item.tensor.shape
    shape = [str(size) if isinstance(size, Sym) else size for size in sizes]
    value: dict[str, Any] = {"shape": shape}
    if item.tensor.dtype != "float32":
        value["dtype"] = item.tensor.dtype
    if batch != BATCH:
        value["batch_size"] = batch
    return value | {key: escaped(option) for key, option in item.options}


def layer_value(layer: Any) -> dict[str, Any]:
    """A layer as ``{Name: {arguments}}``."""
    return {layer.type_name: arguments_value(layer)}


def arguments_value(layer: Any) -> dict[str, Any]:
    """The changed arguments of a layer as a document has them; a network inside is the list of its items."""
    found: dict[str, Any] = escaped(layer.canonical())
    inner = getattr(layer, "layer", None)
    if isinstance(inner, InnerModel):
        return found | {"layer": network_items(inner.inner)}
    return found | {"layer": layer_value(inner)} if isinstance(getattr(inner, "layer", None), InnerModel) else found


def escaped(value: Any) -> Any:
    """Plain data with every text that begins with ``$`` written so that it is no expression."""
    if isinstance(value, str):
        return f"${value}" if value.startswith("$") else value
    if isinstance(value, list | tuple):
        return [escaped(item) for item in value]
    return {key: escaped(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def network_items(graph: Graph) -> list[Any]:
    """The items of a network inside a layer, one a call; what they call stands under the document's ``shared``."""
    items: list[Any] = flat_document(graph)["layers"]
    return items


def networks_of(graph: Graph) -> Iterator[Graph]:
    """The networks inside a graph's layers; not those inside them in turn."""
    for layer in graph.layers.values():
        inner: Any = layer
        while inner is not None:
            if isinstance(inner, InnerModel):
                yield inner.inner
            inner = getattr(inner, "layer", None)


def shared_inside(graph: Graph) -> dict[str, Any]:
    """What the networks inside a graph's layers call several times, as ``shared`` has it."""
    found: dict[str, Any] = {}
    for network in networks_of(graph):
        found |= {key: layer_value(network.layers[key]) for key in shared_keys(network)}
        found |= shared_inside(network)
    return found


def reference(graph: Graph, ref: Ref) -> str:
    """A value by its id: ``lstm:1`` where the node has several."""
    if ref.node in graph.input_by_name or len(graph.by_id[ref.node].outputs) == 1:
        return ref.node
    return f"{ref.node}:{ref.index}"


def call_item(graph: Graph, node: Node, previous: Ref | None, *, shared: bool) -> dict[str, Any]:
    """The item of a call, without an id.

    Args:
        graph: the graph.
        node: the call.
        previous: the value of the item above, to which the call is applied if it does not say otherwise.
        shared: whether the layer stands under ``shared``.

    Raises:
        Unwritable: for an argument that ``in`` has no form for.
    """
    layer: Any = graph.operator(node)
    item: dict[str, Any] = {}
    source, literals = source_value(layer, node, previous, lambda ref: reference(graph, ref))
    if source is not None:
        item["in"] = source
    if shared:
        item["call"] = node.layer
    else:
        item |= layer_value(layer)
    if literals:
        item["call_args"] = literals
    return item


def source_value(layer: Any, node: Node, previous: Ref | None, name: Any) -> tuple[Any, dict[str, Any]]:
    """What ``in`` and ``call_args`` say for a call; no ``in`` where the item above is what it is applied to."""
    rows = {row.name: row for row in layer.open_arguments}
    first = next(iter(rows), "")
    given: dict[str, Argument] = {}
    literals: dict[str, Any] = {}
    for key, value in node.args:
        if any(True for _ in refs_of(value)):
            given[key] = value
        else:
            literals[key] = list(value) if isinstance(value, tuple) else value

    def written(value: Argument) -> Any:
        if isinstance(value, Ref):
            return name(value)
        if isinstance(value, tuple | list):
            return [written(item) for item in value]
        raise Unwritable(f"the call {node.id!r} has an argument that a spec cannot write: {value!r:.60}")

    if list(given) == [first]:
        value = given[first]
        if rows[first].many and isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        if isinstance(value, Ref):
            return (None if value == previous else name(value)), literals
        if rows[first].many:
            return written(value), literals
    elif (
        layer.inputs_in_order
        and list(given) == list(rows)[: len(given)]
        and not rows[first].many
        and all(isinstance(value, Ref) for value in given.values())
    ):
        return [written(value) for value in given.values()], literals
    return {key: written(value) for key, value in given.items()}, literals


def has_own_name(output: Output) -> bool:
    """Whether an output is called otherwise than by its id."""
    return output.name != output_name(output.ref)


def outputs_value(
    graph: Graph, shown: Callable[[Ref], str], last: Ref | None, named: Callable[[Output], bool] = has_own_name
) -> Any:
    """What ``outputs`` says; None where it is the last item, under its own name.

    Args:
        graph: the model.
        shown: what the document calls a value.
        last: what the last item gives, if that is one value.
        named: whether an output's name must be said, because it does not follow from the id.
    """
    if graph.returns is Returns.DICT:
        return {output.name: shown(output.ref) for output in graph.outputs}
    first = graph.outputs[0]
    if graph.returns is Returns.TENSOR and not named(first):
        return None if first.ref == last else shown(first.ref)
    return [{item.name: shown(item.ref)} if named(item) else shown(item.ref) for item in graph.outputs]
