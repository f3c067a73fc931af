"""A parsed document: its text, its tree, and the way from a JSON pointer or an offset to a place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vgspec.diagnostics import Span
from vgspec.source.nodes import MappingNode, ScalarNode, SequenceNode, SNode, children

__all__ = ["Document", "Position", "SourceMap", "pointer_join", "pointer_split"]

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def pointer_join(pointer: str, *tokens: str | int) -> str:
    """``pointer`` extended by unescaped reference tokens (RFC 6901)."""
    for token in tokens:
        text = str(token)
        if "~" in text or "/" in text:
            text = text.replace("~", "~0").replace("/", "~1")
        pointer = f"{pointer}/{text}"
    return pointer


def pointer_split(pointer: str) -> tuple[str, ...]:
    """The unescaped reference tokens of ``pointer``; none for the root pointer ``""``."""
    if not pointer:
        return ()
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


@dataclass(frozen=True, slots=True)
class Position:
    """A line and a column, both counted from 1, the column in code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One file, text or ``dict`` after parsing.

    Attributes:
        file: the name spans use.
        text: the whole text as it was read (a byte order mark and CRLF kept); None for a ``dict``.
        root: the tree; None where the text could not be parsed at all.
    """

    file: str
    text: str | None
    root: SNode | None
    _lines: list[int] | None = field(default=None, init=False, repr=False, compare=False)

    def _line_starts(self) -> list[int]:
        """Offsets at which lines begin; made once, since every label asks."""
        if self._lines is None:
            starts = [0, *(match.end() for match in _LINE_BREAK.finditer(self.text or ""))]
            object.__setattr__(self, "_lines", starts)
            return starts
        return self._lines

    @property
    def line_count(self) -> int:
        """Number of lines of the text."""
        return len(self._line_starts())

    def line_column(self, offset: int) -> Position:
        """Line and column of an offset; offsets outside the text go to its ends."""
        text = self.text or ""
        offset = max(0, min(offset, len(text)))
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return Position(line, offset - starts[line - 1] + 1)

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column, the inverse of `line_column`, kept inside the text."""
        starts = self._line_starts()
        line = max(1, min(line, len(starts)))
        end = starts[line] if line < len(starts) else len(self.text or "")
        return min(starts[line - 1] + max(0, column - 1), end)

    def line_text(self, line: int) -> str:
        """The text of a line counted from 1, without its line break; empty outside the text."""
        starts = self._line_starts()
        if self.text is None or not 1 <= line <= len(starts):
            return ""
        end = starts[line] if line < len(starts) else len(self.text)
        return self.text[starts[line - 1] : end].rstrip("\r\n")

    def slice(self, span: Span) -> str:
        """The text at ``span``."""
        return (self.text or "")[span.start : span.end]

    def find(self, pointer: str) -> SNode | None:
        """The node at ``pointer``, or None."""
        return self._find(pointer)[1]

    def _find(self, pointer: str) -> tuple[ScalarNode | None, SNode | None]:
        key: ScalarNode | None = None
        node = self.root
        for token in pointer_split(pointer):
            if isinstance(node, MappingNode):
                key, node = node.key_node(token), node.get(token)
            elif isinstance(node, SequenceNode) and _INDEX.fullmatch(token) and int(token) < len(node):
                key, node = None, node.items[int(token)]
            else:
                return None, None
        return key, node

    def locate(self, pointer: str) -> tuple[Span | None, Span | None]:
        """Spans of the key and of the value at ``pointer``; None for what there is not."""
        key, node = self._find(pointer)
        return (key.span if key is not None else None), (node.span if node is not None else None)

    def nearest_span(self, pointer: str) -> Span | None:
        """The span of the value at ``pointer`` or of the nearest node above it that has one."""
        while True:
            span = self.locate(pointer)[1]
            if span is not None or not pointer:
                return span
            pointer = pointer.rpartition("/")[0]

    def is_aliased(self, pointer: str) -> bool:
        """Whether an edit at ``pointer`` would change other places too (an alias is involved)."""
        node = self.find(pointer)
        return node is not None and node.aliased

    def walk(self) -> Iterator[tuple[str, SNode]]:
        """Every node with its pointer, parents first, in document order."""
        stack: list[tuple[str, SNode]] = [] if self.root is None else [("", self.root)]
        while stack:
            pointer, node = stack.pop()
            yield pointer, node
            below = [(pointer_join(pointer, token), child) for token, child in children(node)]
            stack.extend(reversed(below))


@dataclass(frozen=True, slots=True)
class SourceMap:
    """Documents by file name: what is needed to show labels that lie in several files."""

    documents: tuple[Document, ...] = ()
    _by_file: dict[str, Document] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_file.update((document.file, document) for document in self.documents)

    @classmethod
    def of(cls, documents: Iterable[Document]) -> SourceMap:
        """A map of these documents."""
        return cls(tuple(documents))

    def get(self, file: str) -> Document | None:
        """The document of this file, or None."""
        return self._by_file.get(file)

    def adding(self, *documents: Document) -> SourceMap:
        """A map with further documents; a later one replaces an earlier one of the same file."""
        return SourceMap(tuple({d.file: d for d in (*self.documents, *documents)}.values()))

    def position(self, span: Span) -> Position | None:
        """Line and column of the start of ``span``, or None where its file has no text here."""
        document = self.get(span.file)
        return None if document is None or document.text is None else document.line_column(span.start)

    def describe(self, span: Span) -> str:
        """``file:line:column`` of the start of ``span``, or the file alone."""
        position = self.position(span)
        return span.file if position is None else f"{span.file}:{position.line}:{position.column}"
