"""Where in the documents a node, an argument of its layer or a setting stands."""

from __future__ import annotations

from dataclasses import replace

from vgspec.ir import Graph, Origin
from vgspec.source import Document, MappingNode, SequenceNode, SNode, pointer_join, pointer_split
from vgspec.spec import Spec

__all__ = ["argument_place", "argument_pointer", "document_place", "origin_of"]

RESERVED = frozenset({"id", "in", "with", "body", "call_args", "lint"})
"""Keys of an item that are not its action."""


def origin_of(graph: Graph, name: str) -> Origin:
    """The place of a node or an input."""
    if name in graph.by_id:
        return graph.by_id[name].origin
    return graph.input_by_name[name].origin if name in graph.input_by_name else Origin()


def document_place(spec: Spec, pointer: str, file: str = "") -> Origin:
    """The place of a pointer, or of the nearest that exists above it; of a mapping's entry, its key."""
    document = spec.sources.get(file) if file else spec.document
    if document is None:
        return Origin(pointer, file)
    while pointer and document.find(pointer) is None:
        pointer = pointer.rpartition("/")[0]
    key, value = document.locate(pointer)
    parent = document.find(pointer.rpartition("/")[0])
    scalar = value is not None and not isinstance(document.find(pointer), MappingNode | SequenceNode)
    span = value if scalar or key is None or not isinstance(parent, MappingNode) else key
    return Origin(pointer, document.file, span)


def argument_pointer(document: Document, item: str, argument: str) -> str | None:
    """The pointer of an argument of the layer that an item of a list calls; None for other items.

    The argument need not be given; a layer written as a bare name has no place for one. What a wrapper does not say
    itself is an argument of the layer that it wraps.
    """
    node = document.find(item)
    if not isinstance(node, MappingNode):
        return None
    actions = [key for key in node if key not in RESERVED]
    while len(actions) == 1 and actions[0][:1].isupper():
        item = pointer_join(item, actions[0])
        given = document.find(item)
        if not isinstance(given, MappingNode) or argument in given or "layer" not in given:
            return pointer_join(item, argument)
        item = pointer_join(item, "layer")
        inner = document.find(item)
        actions = list(inner) if isinstance(inner, MappingNode) else []
    return None


def argument_place(spec: Spec, origin: Origin, argument: str) -> Origin | None:
    """The value of an argument where the spec gives it, with the node's expansion chain."""
    document = spec.sources.get(origin.file)
    pointer = argument_pointer(document, origin.pointer, argument) if document is not None else None
    if document is None or pointer is None:
        return None
    value: SNode | None = document.find(pointer)
    return None if value is None else replace(origin, pointer=pointer, span=value.span or origin.span)


def parts(pointer: str) -> tuple[str, str]:
    """A pointer cut into its parent and its last token."""
    return pointer.rpartition("/")[0], pointer_split(pointer)[-1]
