"""Changes of a document in its own terms, turned into text edits that leave everything else as it is, to the byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from vgspec.diagnostics import Edit, Span
from vgspec.expressions import is_expression
from vgspec.ir import Graph
from vgspec.lint.places import argument_pointer
from vgspec.lint.rule import Change
from vgspec.source import Document, MappingNode, ScalarNode, SequenceNode, SNode, pointer_split

__all__ = ["Planned", "apply_edits", "plan"]


@dataclass(frozen=True, slots=True)
class Planned:
    """Text edits for some changes.

    Attributes:
        edits: in the order of the text, not overlapping.
        shared: whether they change more nodes than was asked for, because these come from one place in the text.
    """

    edits: tuple[Edit, ...]
    shared: bool


class _Refused(Exception):
    """The text cannot be changed there."""


def plan(document: Document, graph: Graph, changes: Iterable[Change]) -> Planned | None:
    """Text edits for changes of a document.

    Returns:
        The edits; None where a place cannot be edited: behind an alias or an expression, in another file, in a shared
        definition, or for a kind of change that needs a person.
    """
    if document.text is None:
        return None
    wanted: dict[tuple[str, str], object] = {}
    asked: dict[tuple[str, str], set[str]] = {}
    try:
        for change in changes:
            place = (change.kind, _pointer(document, graph, change))
            if wanted.setdefault(place, change.value) != change.value:
                return None
            if change.node:
                asked.setdefault(place, set()).add(change.node)
        edits: list[Edit] = []
        for (kind, pointer), value in wanted.items():
            if kind == "set":
                edits += _set(document, pointer, value)
            elif kind == "insert-after":
                edits.append(_item_after(document, pointer, value))
            elif kind == "insert-before":
                edits.append(_item_before(document, pointer, value))
            elif kind == "wrap-residual":
                above, _, first = pointer.rpartition("/")
                edits += _residual(document, above, int(first), value)
            else:
                edits += _residual(document, pointer, 0, None)
    except _Refused:
        return None
    together = _by_place(graph) if asked else {}
    origins = ((graph.by_id[name].origin, names) for names in asked.values() for name in names)
    shared = any(together[origin.file, origin.pointer] - names for origin, names in origins)
    joined = _joined(edits)
    return None if joined is None else Planned(joined, shared)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made. They must not overlap."""
    parts: list[str] = []
    end = 0
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end)):
        parts += (text[end : edit.span.start], edit.replacement)
        end = edit.span.end
    return "".join((*parts, text[end:]))


def _by_place(graph: Graph) -> dict[tuple[str, str], set[str]]:
    """The nodes by the places in the text that they come from."""
    found: dict[tuple[str, str], set[str]] = {}
    for node in graph.nodes:
        found.setdefault((node.origin.file, node.origin.pointer), set()).add(node.id)
    return found


def _pointer(document: Document, graph: Graph, change: Change) -> str:
    if not change.node:
        return change.pointer
    node = graph.by_id.get(change.node)
    if node is None or node.origin.file != document.file:
        raise _Refused
    if change.kind in ("insert-after", "insert-before"):
        return node.origin.pointer
    pointer = argument_pointer(document, node.origin.pointer, change.argument)
    if pointer is None:
        raise _Refused
    return pointer


def _joined(edits: list[Edit]) -> tuple[Edit, ...] | None:
    """Edits in order, insertions at one place put together; None if any two overlap."""
    found: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end)):
        last = found[-1] if found else None
        if last is not None and last.span == edit.span and edit.span.start == edit.span.end:
            found[-1] = Edit(last.span, last.replacement + edit.replacement)
        elif last is not None and edit.span.start < last.span.end:
            return None
        else:
            found.append(edit)
    return tuple(found)


def _item_after(document: Document, pointer: str, value: object) -> Edit:
    """A further item of a list behind the one at ``pointer``, in the list's own style."""
    above = document.find(pointer.rpartition("/")[0])
    item = document.find(pointer)
    if not isinstance(above, SequenceNode) or item is None or above.span is None or item.span is None:
        raise _Refused
    if above.aliased or item.aliased or item.via is not None:
        raise _Refused
    written = _written(document, value)
    if _in_brackets(document, above.span):
        return Edit(Span(item.span.file, item.span.end, item.span.end), f", {written}")
    end = _line_end(document, item.span)
    text = document.text or ""
    start = text.rfind("-", 0, item.span.start)
    if start < 0 or text[start + 1 : item.span.start].strip():
        raise _Refused
    indent = " " * (document.line_column(start).column - 1)
    return Edit(Span(item.span.file, end, end), f"{_newline(text)}{indent}- {written}")


def _item_before(document: Document, pointer: str, value: object) -> Edit:
    """A further item of a list in front of the one at ``pointer``, in the list's own style."""
    above = document.find(pointer.rpartition("/")[0])
    item = document.find(pointer)
    if not isinstance(above, SequenceNode) or item is None or above.span is None or item.span is None:
        raise _Refused
    if above.aliased or item.aliased or item.via is not None:
        raise _Refused
    written = _written(document, value)
    if _in_brackets(document, above.span):
        return Edit(Span(item.span.file, item.span.start, item.span.start), f"{written}, ")
    line, indent = _dash(document, item.span)
    return Edit(Span(item.span.file, line, line), f"{indent}- {written}{_newline(document.text or '')}")


def _dash(document: Document, item: Span) -> tuple[int, str]:
    """Start of the line on which an item of a block list begins, and what stands before its dash there."""
    text = document.text or ""
    dash = text.rfind("-", 0, item.start)
    line = text.rfind("\n", 0, dash) + 1
    if dash < 0 or text[line:dash].strip() or text[dash + 1 : item.start].strip():
        raise _Refused
    return line, text[line:dash]


def _residual(document: Document, pointer: str, begin: int, count: object) -> list[Edit]:
    """Items of a list as the body of a residual connection, with a layer normalization in front.

    Args:
        document: the document.
        pointer: the list.
        begin: number of the first item.
        count: of items; None for all that follow.
    """
    node = document.find(pointer)
    if not isinstance(node, SequenceNode) or not node.items or node.span is None or node.aliased:
        raise _Refused
    items = node.items[begin:] if not isinstance(count, int) else node.items[begin : begin + count]
    if not items or any(item.aliased or item.via is not None or item.span is None for item in items):
        raise _Refused
    text = document.text or ""
    first, last = items[0].span, items[-1].span
    assert first is not None
    assert last is not None
    file = node.span.file
    if _in_brackets(document, node.span):
        if text.lstrip("\ufeff \t\r\n").startswith("{"):
            head, tail = '{"residual": {"shortcut": "auto", "body": ["LayerNormalization", ', "]}}"
        else:
            head, tail = "{residual: {shortcut: auto, body: [LayerNormalization, ", "]}}"
        end = first.start + len(text[first.start : last.end].rstrip())
        return [Edit(Span(file, first.start, first.start), head), Edit(Span(file, end, end), tail)]
    line, indent = _dash(document, first)
    end, newline = _line_end(document, last), _newline(text)
    rows = (f"{indent}- residual:", "    shortcut: auto", "    body:", "      - LayerNormalization")
    lines = text[line:end].split(newline)
    moved = newline.join(f"{' ' * 6}{item}" if item.strip() else item for item in lines)
    return [Edit(Span(file, line, end), f"{(newline + indent).join(rows)}{newline}{moved}")]


def _line_end(document: Document, span: Span) -> int:
    """The end of the line on which a place ends, a comment there included."""
    end = span.start + len(document.slice(span).rstrip())
    text = document.text or ""
    while end < len(text) and text[end] not in "\r\n":
        end += 1
    return end


@lru_cache(maxsize=4)
def _newline(text: str) -> str:
    """How the lines of a text end; asked for at every change of it."""
    return "\r\n" if "\r\n" in text else "\n"


def _in_brackets(document: Document, span: Span) -> bool:
    """Whether a list is written in one go, in brackets."""
    return document.slice(Span(span.file, span.start, span.start + 1)) == "["


def _set(document: Document, pointer: str, value: object) -> list[Edit]:
    """Edits that give the place at ``pointer`` a value."""
    node = document.find(pointer)
    if node is not None:
        if isinstance(node, MappingNode) and isinstance(value, Mapping) and len(value) == len(node) == 1:
            merged = _merged(document, pointer, node, value)
            if merged is not None:
                return merged
        return [_replaced(document, node, value)]
    above, key = pointer.rpartition("/")[0], pointer_split(pointer)[-1]
    parent = document.find(above)
    return [_inserted(document, parent, {key: value})]


def _merged(document: Document, pointer: str, node: MappingNode, value: Mapping[str, object]) -> list[Edit] | None:
    """``{Name: {arguments}}`` where the text has the same name: only the arguments that differ are touched."""
    name = node.keys()[0]
    arguments = value.get(name)
    given = node.get(name)
    if not isinstance(arguments, Mapping) or not isinstance(given, MappingNode):
        return None
    edits = []
    missing = {}
    for key, item in arguments.items():
        written = given.get(key)
        if written is None:
            missing[key] = item
        elif written.to_python() != item and not _holds_expression(written):
            edits.append(_replaced(document, written, item))
    if missing:
        edits.append(_inserted(document, given, missing))
    return edits


def _holds_expression(node: SNode) -> bool:
    if isinstance(node, ScalarNode):
        return isinstance(node.value, str) and is_expression(node.value)
    return any(_holds_expression(child) for child in _children(node))


def _children(node: SNode) -> Iterable[SNode]:
    from vgspec.source.nodes import children

    return (child for _, child in children(node))


def _replaced(document: Document, node: SNode, value: object) -> Edit:
    if node.aliased or node.via is not None or node.span is None or _holds_expression(node):
        raise _Refused
    old = document.slice(node.span)
    kept = len(old.rstrip())
    if "#" in old and "\n" in old:
        raise _Refused  # a comment would go with it
    return Edit(Span(node.span.file, node.span.start, node.span.start + kept), _written(document, value))


def _inserted(document: Document, parent: SNode | None, entries: Mapping[str, object]) -> Edit:
    """New entries at the end of a mapping, in its own style."""
    if parent is None or parent.aliased or parent.via is not None or parent.span is None:
        raise _Refused
    lines = [f"{_written(document, key)}: {_written(document, value)}" for key, value in entries.items()]
    if isinstance(parent, ScalarNode):
        if parent.value is not None or not document.slice(parent.span).strip():
            raise _Refused
        return Edit(parent.span, "{" + ", ".join(lines) + "}")
    if not isinstance(parent, MappingNode):
        raise _Refused
    text = document.slice(parent.span)
    file = parent.span.file
    if text.startswith("{"):
        if not parent.entries:
            return Edit(parent.span, "{" + ", ".join(lines) + "}")
        last = parent.entries[-1][1].span
        if last is None or parent.entries[-1][1].via is not None:
            raise _Refused
        return Edit(Span(file, last.end, last.end), "".join(f", {line}" for line in lines))
    first = parent.entries[0][0].span
    last = parent.entries[-1][1].span
    if first is None or last is None:
        raise _Refused
    end = _line_end(document, last)
    indent = " " * (document.line_column(first.start).column - 1)
    newline = _newline(document.text or "")
    return Edit(Span(file, end, end), "".join(f"{newline}{indent}{line}" for line in lines))


def _written(document: Document, value: object) -> str:
    """A value in flow style, as JSON in a JSON document."""
    if (document.text or "").lstrip("\ufeff \t\r\n").startswith("{"):
        return json.dumps(value, ensure_ascii=False)
    from vgspec.source.dump import dump_flow

    return dump_flow(value)
