"""The schema with the layers of other packages that a document names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vgspec.frontend.schema import arguments_schema, ref
from vgspec.layers.registry import REGISTRY
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode

__all__ = ["extended_schema"]


def extended_schema(schema: Mapping[str, Any], root: SNode) -> Mapping[str, Any]:
    """The schema with every registered layer whose name occurs in a document; the schema itself is not changed.

    Only those are imported: a package that is installed, but not used, is not loaded.
    """
    known = set(REGISTRY.names())
    layers = {name: cls for name in dict.fromkeys(_words(root)) if name in known and (cls := REGISTRY.find(name))}
    if not layers:
        return schema
    defs = dict(schema["$defs"])
    named = {name: ref(f"layer.{name}") for name in layers}
    defs |= {f"layer.{name}": arguments_schema(cls) for name, cls in layers.items()}
    free = [name for name, cls in layers.items() if not any(field.is_required() for field in cls.model_fields.values())]
    for name in ("layer", "merge"):
        defs[name] = {**defs[name], "anyOf": [_option(option, named, free) for option in defs[name]["anyOf"]]}
    defs["item"] = {**defs["item"], "anyOf": [_option(option, named, []) for option in defs["item"]["anyOf"]]}
    string = defs["item_string"]
    defs["item_string"] = _option(string, named, free)
    return {**schema, "$defs": defs}


def _words(node: SNode) -> Iterator[str]:
    """Every key and every text of a document."""
    if isinstance(node, ScalarNode):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, SequenceNode):
        for item in node.items:
            yield from _words(item)
    elif isinstance(node, MappingNode):
        for key, value in node.items():
            yield key
            yield from _words(value)


def _option(option: Any, named: Mapping[str, Any], free: list[str]) -> Any:
    """One alternative of a definition with the names added where it lists names or properties."""
    if "anyOf" in option:
        return {**option, "anyOf": [_option(inner, named, free) for inner in option["anyOf"]]}
    changed = dict(option)
    if "enum" in option:
        changed["enum"] = [*option["enum"], *free]
    if "properties" in option:
        changed["properties"] = {**option["properties"], **named}
    if "x-actions" in option:
        changed["x-actions"] = [*option["x-actions"], *named]
        changed["oneOf"] = [*option["oneOf"], *({"required": [name]} for name in named)]
    return changed
