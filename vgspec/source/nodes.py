"""The node tree of a document: what YAML, JSON and a Python ``dict`` all become.

Nodes are frozen. A node that came from text knows its span; one from a ``dict`` has ``span=None``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from vgspec.diagnostics import Span

__all__ = ["MappingNode", "SNode", "ScalarNode", "ScalarValue", "SequenceNode", "children", "kind_of"]

ScalarValue: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A string, number, boolean or null.

    Attributes:
        value: what it means by the YAML 1.2 core schema.
        span: the characters of the scalar, quotes included, anchor and tag excluded.
        raw: the text at ``span``; for a node without text, the value written out.
        plain: whether it stands without quotes, so that ``raw`` is the value character by character.
        aliased: whether its text serves in several places (an anchor that is used, or an alias), so
            that an edit here changes more than this node.
        via: the alias ``*name`` through which this node was reached, if it was.
    """

    value: ScalarValue
    span: Span | None = None
    raw: str = ""
    plain: bool = True
    aliased: bool = False
    via: Span | None = None

    def to_python(self) -> ScalarValue:
        """The value."""
        return self.value

    @property
    def text(self) -> str | None:
        """The value if it is a string, else None."""
        return self.value if isinstance(self.value, str) else None


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list. See `ScalarNode` for ``aliased`` and ``via``."""

    items: tuple[SNode, ...]
    span: Span | None = None
    aliased: bool = False
    via: Span | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[SNode]:
        return iter(self.items)

    def to_python(self) -> list[object]:
        """The list as plain Python data."""
        return [item.to_python() for item in self.items]


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping with string keys, in document order, each key once. See `ScalarNode` for the flags."""

    entries: tuple[tuple[ScalarNode, SNode], ...]
    span: Span | None = None
    aliased: bool = False
    via: Span | None = None
    _index: dict[str, int] | None = field(default=None, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._positions()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def _positions(self) -> dict[str, int]:
        """Key to position. Made at the first look-up and kept, since look-ups come in numbers."""
        if self._index is None:
            index = {str(key.value): i for i, (key, _) in enumerate(self.entries)}
            object.__setattr__(self, "_index", index)
            return index
        return self._index

    def keys(self) -> tuple[str, ...]:
        """The keys in document order."""
        return tuple(str(key.value) for key, _ in self.entries)

    def items(self) -> Iterator[tuple[str, SNode]]:
        """Keys as strings with their nodes."""
        return ((str(key.value), node) for key, node in self.entries)

    def get(self, key: str) -> SNode | None:
        """The node under ``key``, or None."""
        position = (self._index or self._positions()).get(key)
        return None if position is None else self.entries[position][1]

    def key_node(self, key: str) -> ScalarNode | None:
        """The scalar that is the key ``key`` itself, or None."""
        position = self._positions().get(key)
        return None if position is None else self.entries[position][0]

    def to_python(self) -> dict[str, object]:
        """The mapping as plain Python data."""
        return {str(key.value): node.to_python() for key, node in self.entries}


SNode: TypeAlias = ScalarNode | SequenceNode | MappingNode


def children(node: SNode) -> Iterator[tuple[str, SNode]]:
    """The direct children of ``node`` with their unescaped pointer tokens."""
    if isinstance(node, MappingNode):
        yield from node.items()
    elif isinstance(node, SequenceNode):
        for i, item in enumerate(node.items):
            yield str(i), item


def kind_of(node: SNode) -> str:
    """What a node is, in the words of a diagnostic: ``a mapping``, ``a whole number`` and so on."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    value = node.value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number"
    return "text"
