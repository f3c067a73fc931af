"""The canonical form of a document's text: one layout, one order of keys, comments where they were.

The tree is written anew. A comment on a line of its own stays above what it stood above, one behind something stays
behind it; a blank line stays, several become one. Numbers keep their spelling, anchors and aliases stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from vgspec.source.document import Document, pointer_join
from vgspec.source.dump import WIDTH, scalar_text
from vgspec.source.nodes import MappingNode, ScalarNode, SequenceNode, SNode

__all__ = ["format_document"]

_ROOT = (
    *("vgspec", "name", "description", "include", "params", "inputs", "shared", "blocks"),
    *("layers", "outputs", "compile", "lint"),
)
_ITEM = ("id", "in")
_ITEM_LAST = ("with", "body", "call_args", "lint")
_BLOCK = ("description", "params", "inputs", "layers", "outputs", "lint")
_LISTS = frozenset({"layers", "body", "shortcut"})
_COMMENT = re.compile(r"(?:^|(?<=[ \t\r\n]))#[^\r\n]*")
_ANCHOR = re.compile(r"&([^\s,\[\]{}]+)(?:\s|#[^\r\n]*)*$")
_DEPTH_ITEM = 4


@dataclass(slots=True)
class _Notes:
    """Comments, blank lines and anchors by the pointer of what they belong to."""

    text: str
    above: dict[str, list[str]] = field(default_factory=dict)
    behind: dict[str, str] = field(default_factory=dict)
    spaced: set[str] = field(default_factory=set)
    end: list[str] = field(default_factory=list)
    anchors: dict[str, str] = field(default_factory=dict)

    def anchor(self, pointer: str) -> str:
        """What goes before the value at a pointer."""
        return f"{self.anchors[pointer]} " if pointer in self.anchors else ""

    def inside(self, pointer: str) -> bool:
        """Whether something below a pointer has a note of its own."""
        prefix = pointer + "/"
        return any(key.startswith(prefix) for notes in (self.above, self.behind) for key in notes)


def format_document(document: Document) -> str:
    """The canonical text of a YAML document.

    Raises:
        ValueError: for a document without text or tree.
    """
    root = document.root
    if document.text is None or not isinstance(root, MappingNode):
        raise ValueError("only a spec that was read from text has a canonical text")
    notes = _notes(document.text, root)
    notes.anchors |= _anchors(document.text, root, "")
    if not len(root):
        return "\n".join([*notes.end, "{}"]) + "\n"
    plain = _plain(root, "", notes)
    assert isinstance(plain, MappingNode)
    root = plain
    writer = _Writer(notes)
    for key in _ordered(root, _ROOT, ()):
        value = root.get(key)
        assert value is not None
        writer.entry(key, value, pointer_join("", key), 0, depth=1 if isinstance(value, MappingNode) else 2)
    writer.lines += notes.end
    return "\n".join(writer.lines).strip("\n") + "\n"


# --- anchors ---------------------------------------------------------------------------------------------


def _anchors(text: str, node: SNode, pointer: str) -> dict[str, str]:
    """The anchors that are used, by the pointer of what they stand before."""
    found: dict[str, str] = {}
    if node.via is not None:
        return found
    if node.aliased and node.span is not None and (match := _ANCHOR.search(text, 0, node.span.start)):
        found[pointer] = f"&{match[1]}"
    if isinstance(node, MappingNode):
        for key, value in node.items():
            found |= _anchors(text, value, pointer_join(pointer, key))
    elif isinstance(node, SequenceNode):
        for i, item in enumerate(node.items):
            found |= _anchors(text, item, pointer_join(pointer, i))
    return found


# --- comments --------------------------------------------------------------------------------------------


def _entries(node: SNode, pointer: str) -> Iterator[tuple[int, str]]:
    """Where every key and every item begins, outer ones first; what an alias stands for is elsewhere."""
    if node.via is not None:
        return
    if isinstance(node, MappingNode):
        for key, value in node.items():
            here = pointer_join(pointer, key)
            key_node = node.key_node(key)
            if key_node is not None and key_node.span is not None:
                yield key_node.span.start, here
            yield from _entries(value, here)
    elif isinstance(node, SequenceNode):
        for i, item in enumerate(node.items):
            here = pointer_join(pointer, i)
            if (span := item.via or item.span) is not None:
                yield span.start, here
            yield from _entries(item, here)


def _scalars(node: SNode) -> Iterator[tuple[int, int]]:
    if node.via is not None:
        return
    if isinstance(node, ScalarNode):
        if node.span is not None:
            yield node.span.start, node.span.end
    elif isinstance(node, MappingNode):
        for key, value in node.items():
            key_node = node.key_node(key)
            if key_node is not None:
                yield from _scalars(key_node)
            yield from _scalars(value)
    else:
        for item in node.items:
            yield from _scalars(item)


def _notes(text: str, root: MappingNode) -> _Notes:
    starts = sorted(_entries(root, ""), key=lambda pair: pair[0])  # stable: outer ones stay first
    taken = sorted(_scalars(root))
    notes = _Notes(text)
    at, scalar = 0, 0
    own_lines: list[tuple[int, str]] = []
    for match in _COMMENT.finditer(text):
        while scalar < len(taken) and taken[scalar][1] <= match.start():
            scalar += 1
        if scalar < len(taken) and taken[scalar][0] <= match.start():
            continue  # a sign inside text
        line_start = text.rfind("\n", 0, match.start()) + 1
        comment = match[0].rstrip()
        while at < len(starts) and starts[at][0] < match.start():
            at += 1
        if text[line_start : match.start()].strip(" \t-") == "":
            if at < len(starts):
                notes.above.setdefault(starts[at][1], []).append(comment)
            else:
                notes.end.append(comment)
            own_lines.append((line_start, starts[at][1] if at < len(starts) else ""))
            continue
        on_line = next((pointer for start, pointer in starts if line_start <= start < match.start()), None)
        target = on_line or (starts[at - 1][1] if at else starts[0][1])
        if target in notes.behind:
            notes.above.setdefault(target, []).append(comment)
        else:
            notes.behind[target] = comment
    for start, pointer in starts:
        first = min([line for line, owner in own_lines if owner == pointer], default=start)
        line_start = text.rfind("\n", 0, first) + 1
        before = text[:line_start]
        if before.endswith(("\n\n", "\r\n\r\n", "\n \n")) and before.strip():
            notes.spaced.add(pointer)
    return notes


# --- writing ---------------------------------------------------------------------------------------------


def _ordered(node: MappingNode, first: tuple[str, ...], last: tuple[str, ...]) -> list[str]:
    keys = list(node.keys())
    head = [key for key in first if key in keys]
    tail = [key for key in last if key in keys]
    return [*head, *(key for key in keys if key not in head and key not in tail), *tail]


def _scalar(node: ScalarNode, *, flow: bool) -> str:
    value = node.value
    if node.via is not None:  # an alias: see `_plain`
        return node.raw
    if isinstance(value, int | float) and not isinstance(value, bool) and node.plain and node.raw:
        return node.raw
    return scalar_text(value, flow=flow)


def _flow(node: SNode, pointer: str, notes: _Notes) -> str:
    """A value in one line, with its anchor."""
    anchor = notes.anchor(pointer)
    if isinstance(node, ScalarNode):
        return anchor + _scalar(node, flow=True)
    if isinstance(node, SequenceNode):
        listed = (_flow(item, f"{pointer}/{i}", notes) for i, item in enumerate(node.items))
        return f"{anchor}[{', '.join(listed)}]"
    named = ((key, _flow(node_value(node, key), pointer_join(pointer, key), notes)) for key in _keys(node, pointer))
    inner = ", ".join(f"{scalar_text(key, flow=True)}: {value}" for key, value in named)
    return f"{anchor}{{{inner}}}"


def node_value(node: MappingNode, key: str) -> SNode:
    """The value of a key that there is."""
    value = node.get(key)
    assert value is not None
    return value


def _keys(node: MappingNode, pointer: str) -> list[str]:
    """The keys in canonical order: that of an item, a block, or as written."""
    if _is_block(pointer):
        return _ordered(node, _BLOCK, ())
    if any(key in node for key in ("id", "in", "use", "call", "repeat", "call_args")) or _is_item(pointer):
        return _ordered(node, _ITEM, _ITEM_LAST)
    return list(node.keys())


def _is_block(pointer: str) -> bool:
    parts = pointer.split("/")
    return len(parts) == 3 and parts[1] == "blocks"


def _is_item(pointer: str) -> bool:
    """Whether a pointer is that of a list item."""
    parts = pointer.split("/")
    if len(parts) < 3 or not parts[-1].isdecimal():
        return False
    return parts[-2] in _LISTS or (len(parts) > 3 and parts[-3] == "branches") or parts[-2] == "branches"


def _depth(node: SNode) -> int:
    if isinstance(node, MappingNode):
        return 1 + max((_depth(value) for _, value in node.items()), default=0)
    if isinstance(node, SequenceNode):
        return 1 + max((_depth(item) for item in node.items), default=0)
    return 0


def _is_items(node: SNode) -> bool:
    """A list of layers with more than one item: each gets a line of its own."""
    if not isinstance(node, SequenceNode) or len(node.items) < 2:
        return False
    return any(isinstance(item, MappingNode) for item in node.items)


def _plain(node: SNode, pointer: str, notes: _Notes) -> SNode:
    """The tree with aliases as scalars, and with layers without arguments in lists as their names alone.

    Those stay that have a comment inside, or an anchor.
    """
    if node.via is not None:
        return ScalarNode(None, raw=notes.text[node.via.start : node.via.end], via=node.via)
    if isinstance(node, SequenceNode):
        items = tuple(_plain(item, f"{pointer}/{i}", notes) for i, item in enumerate(node.items))
        return replace(node, items=items)
    if not isinstance(node, MappingNode):
        return node
    if len(node) == 1 and _is_item(pointer) and not notes.inside(pointer) and not node.aliased:
        key, value = next(iter(node.items()))
        empty = (isinstance(value, ScalarNode) and value.value is None) or (
            isinstance(value, MappingNode) and len(value) == 0
        )
        if empty and key[:1].isupper() and not value.aliased:
            return ScalarNode(key, raw=key)
    entries = ((key, _plain(value, pointer_join(pointer, str(key.value)), notes)) for key, value in node.entries)
    return replace(node, entries=tuple(entries))


@dataclass(slots=True)
class _Writer:
    notes: _Notes
    lines: list[str] = field(default_factory=list)

    def _fits(self, node: SNode, pointer: str, column: int, *, depth: int) -> str | None:
        if _depth(node) > depth or self.notes.inside(pointer):
            return None
        text = _flow(node, pointer, self.notes)
        return text if column + len(text) <= WIDTH else None

    def _lead(self, pointer: str, indent: str) -> None:
        if pointer in self.notes.spaced and self.lines:
            self.lines.append("")
        self.lines += [indent + comment for comment in self.notes.above.get(pointer, ())]

    def _put(self, text: str, pointer: str) -> None:
        behind = self.notes.behind.get(pointer)
        self.lines.append(text if behind is None else f"{text}  {behind}")

    def entry(self, key: str, node: SNode, pointer: str, level: int, *, depth: int = 3, lead: bool = True) -> None:
        """A key with its value."""
        indent = "  " * level
        if lead:
            self._lead(pointer, indent)
        head = f"{indent}{scalar_text(key)}:"
        if isinstance(node, ScalarNode):
            self._put(f"{head} {self.notes.anchor(pointer)}{_scalar(node, flow=False)}", pointer)
            return
        empty = len(node) == 0
        limit = 0 if level == 0 and isinstance(node, MappingNode) and not empty else depth
        one_line = None if _is_items(node) else self._fits(node, pointer, len(head) + 1, depth=limit)
        if one_line is not None or empty:
            self._put(f"{head} {one_line if one_line is not None else _flow(node, pointer, self.notes)}", pointer)
            return
        self._put(f"{head} {self.notes.anchor(pointer)}".rstrip(), pointer)
        self._block(node, pointer, level + 1)

    def _block(self, node: SNode, pointer: str, level: int) -> None:
        if isinstance(node, MappingNode):
            for key in _keys(node, pointer):
                self.entry(key, node_value(node, key), pointer_join(pointer, key), level)
            return
        assert isinstance(node, SequenceNode)
        for i, item in enumerate(node.items):
            self._item(item, pointer_join(pointer, i), level)

    def _item(self, item: SNode, pointer: str, level: int) -> None:
        indent = "  " * level
        self._lead(pointer, indent)
        dash = f"{indent}- "
        if isinstance(item, ScalarNode):
            self._put(dash + self.notes.anchor(pointer) + _scalar(item, flow=False), pointer)
            return
        anchor = self.notes.anchor(pointer)
        if isinstance(item, MappingNode) and len(item) == 1 and not self.notes.inside(pointer) and not anchor:
            key, value = next(iter(item.items()))
            text = self._fits(value, pointer_join(pointer, key), len(dash) + len(key) + 2, depth=3)
            if text is not None and isinstance(value, MappingNode) and not _has_items(value):
                self._put(f"{dash}{scalar_text(key)}: {text}", pointer)
                return
        text = self._fits(item, pointer, len(dash), depth=_DEPTH_ITEM)
        if text is not None and not (isinstance(item, MappingNode) and _has_items(item)):
            self._put(dash + text, pointer)
            return
        if anchor:
            self._put(dash + anchor.rstrip(), pointer)
            self._block(item, pointer, level + 1)
            return
        start = len(self.lines)
        self._block(item, pointer, level + 1)
        # The first line of the block carries the dash; comments above the first key stand above the item.
        while not self.lines[start]:
            del self.lines[start]
        at = next(i for i in range(start, len(self.lines)) if not self.lines[i].lstrip().startswith("#"))
        self.lines[at] = dash + self.lines[at].lstrip()
        behind = self.notes.behind.get(pointer)
        if behind is not None:
            self.lines[at] += f"  {behind}"
        for i in range(start, at):
            self.lines[i] = indent + self.lines[i].lstrip()


def _has_items(node: MappingNode) -> bool:
    return any(_is_items(value) for _, value in node.items())
