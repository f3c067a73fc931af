"""Builds the node tree from parsing events, within limits; shared by YAML and JSON."""

from __future__ import annotations

from vgspec import codes
from vgspec.diagnostics import Applicability as Apply
from vgspec.diagnostics import Diagnostic, Edit, Fix, Label, Span
from vgspec.limits import Limits
from vgspec.source.document import pointer_join
from vgspec.source.nodes import MappingNode, ScalarNode, ScalarValue, SequenceNode, SNode, kind_of
from vgspec.source.scalars import quote

__all__ = ["Builder", "Stop"]


class Stop(Exception):
    """Parsing cannot go on; the reason has been recorded."""


class _Frame:
    """A collection that is still open."""

    __slots__ = ("anchor", "end", "entries", "flow", "items", "key", "seen", "skip", "start")

    def __init__(self, mapping: bool, start: int, flow: bool, anchor: str | None) -> None:
        self.entries: list[tuple[ScalarNode, SNode]] | None = [] if mapping else None
        self.items: list[SNode] = []
        self.seen: dict[str, ScalarNode] = {}
        self.key: ScalarNode | None = None
        self.skip = False  # the entry at hand is refused, its value is to be dropped
        self.start = start
        self.end = start
        self.flow = flow
        self.anchor = anchor


class Builder:
    """Takes scalars and the openings and closings of collections, in document order.

    Attributes:
        root: the tree once its last collection is closed.
        diagnostics: what was found on the way.
    """

    def __init__(self, file: str, shift: int, limits: Limits) -> None:
        self.file = file
        self.limits = limits
        self.diagnostics: list[Diagnostic] = []
        self.root: SNode | None = None
        self._shift = shift
        self._nodes = 0
        self._max_nodes = limits.max_nodes
        self._stack: list[_Frame] = []

    def span(self, start: int, end: int) -> Span:
        """A span from offsets that the parser counts."""
        return Span(self.file, start + self._shift, end + self._shift)

    @property
    def top(self) -> _Frame | None:
        """The innermost open collection."""
        return self._stack[-1] if self._stack else None

    @property
    def open_anchors(self) -> set[str]:
        """Anchors of the collections that are still open."""
        return {frame.anchor for frame in self._stack if frame.anchor is not None}

    @property
    def expects_key(self) -> bool:
        """Whether the next node is the key of a mapping."""
        frame = self.top
        return frame is not None and frame.entries is not None and frame.key is None and not frame.skip

    def pointer(self) -> str:
        """The pointer of the node that comes next (of the mapping itself, where a key comes next)."""
        pointer = ""
        for frame in self._stack:
            if frame.entries is None:
                pointer = pointer_join(pointer, len(frame.items))
            elif frame.key is not None:
                pointer = pointer_join(pointer, str(frame.key.value))
        return pointer

    def report(self, diagnostic: Diagnostic) -> None:
        """Record a finding."""
        self.diagnostics.append(diagnostic)

    def stop(self, diagnostic: Diagnostic) -> Stop:
        """Record a finding after which nothing can be parsed."""
        self.diagnostics.append(diagnostic)
        return Stop()

    def count(self, start: int) -> None:
        """Count one node, and stop if there are too many."""
        self._nodes += 1
        if self._nodes > self._max_nodes:
            message = f"the document has more than {self.limits.max_nodes} nodes"
            raise self.stop(codes.LIMIT_EXCEEDED.diagnostic(message, span=self.span(start, start + 1)))

    def open(self, mapping: bool, start: int, flow: bool = True, anchor: str | None = None) -> None:
        """A collection begins."""
        self.count(start)
        if len(self._stack) >= self.limits.max_depth:
            message = f"the document is nested more than {self.limits.max_depth} deep"
            raise self.stop(
                codes.LIMIT_EXCEEDED.diagnostic(message, span=self.span(start, start + 1), pointer=self.pointer())
            )
        self._stack.append(_Frame(mapping, start, flow, anchor))

    def close(self, end: int | None = None) -> SNode:
        """The innermost collection ends at ``end``, or where its last part ends. Gives its node."""
        frame = self._stack.pop()
        if end is None:
            end = frame.end
        span = self.span(frame.start, end)
        node: SNode
        if frame.entries is None:
            node = SequenceNode(tuple(frame.items), span)
        else:
            node = MappingNode(tuple(frame.entries), span)
        self.add(node, end)
        return node

    def leaf(self, value: ScalarValue, start: int, end: int, raw: str, plain: bool) -> ScalarNode:
        """A scalar takes its place. Gives its node."""
        self.count(start)
        node = ScalarNode(value, Span(self.file, start + self._shift, end + self._shift), raw, plain)
        self.add(node, end)
        return node

    def add(self, node: SNode, end: int) -> None:
        """A complete node takes its place: as the root, an item, a key or a value."""
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        frame.end = end
        if frame.entries is None:
            frame.items.append(node)
        elif frame.skip:
            frame.skip = False
        elif frame.key is None:
            self._key(frame, node)
        else:
            frame.entries.append((frame.key, node))
            frame.key = None

    def refuse_entry(self, end: int) -> None:
        """The key that would come next is refused: its value will be dropped."""
        frame = self._stack[-1]
        frame.end = end
        frame.skip = True

    def _key(self, frame: _Frame, node: SNode) -> None:
        key = self.key_of(node)
        if key is None:
            frame.skip = True
            return
        word = str(key.value)
        first = frame.seen.setdefault(word, key)
        if first is not key:
            labels = () if first.span is None else (Label(first.span, "first here"),)
            self.report(
                codes.DUPLICATE_KEY.diagnostic(
                    f"the key `{shorten(word)}` is given twice",
                    span=key.span,
                    label="again here",
                    labels=labels,
                    pointer=pointer_join(self.pointer(), word),
                    help="a mapping holds each key once; remove or rename one of them",
                )
            )
            frame.skip = True
            return
        frame.key = key

    def key_of(self, node: SNode) -> ScalarNode | None:
        """``node`` as a key: a string. Other scalars are reported and taken as written; the rest refused."""
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            if node.plain and node.value == "<<":
                self._refuse_key(
                    node,
                    "merge keys (`<<`) are not supported",
                    "write the entries out, or use a block with parameters",
                )
                return None
            return node
        if not isinstance(node, ScalarNode):
            what = kind_of(node)
            self._refuse_key(node, f"a key must be text, not {what}", "a key is a single word or a quoted text")
            return None
        if node.value is None and not node.raw:
            self._refuse_key(node, "a key is missing before the `:`", "")
            return None
        written = node.raw
        fix = None
        if node.span is not None:
            edit = Edit(node.span, quote(written))
            fix = Fix(f"quote the key `{shorten(written)}`", (edit,), Apply.SAFE)
        self._refuse_key(
            node,
            f"a key must be text, but `{shorten(written)}` is {kind_of(node)}",
            "quote it to make it text",
            fix,
        )
        return ScalarNode(written, node.span, written, node.plain)

    def _refuse_key(self, node: SNode, message: str, help: str, fix: Fix | None = None) -> None:
        self.report(
            codes.UNSUPPORTED_YAML.diagnostic(
                message, span=node.span, pointer=self.pointer(), help=help, fix=fix, file=self.file
            )
        )


def shorten(text: str, length: int = 60) -> str:
    """``text`` on one line, cut if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
