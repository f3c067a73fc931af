"""Source snippets: the lines a finding is about, with its places marked under or beside them.

A place within one line is underlined, ``^^^^`` if it is the primary one and ``----`` if not; one over several
lines is bracketed in the margin. Lines that are too long are cropped around what is marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from vgspec.diagnostics import Label, Span
from vgspec.report.cells import Cell, cells, printable
from vgspec.report.style import Segment
from vgspec.source import Document

__all__ = ["Row", "Snippet", "last_line", "snippet", "trimmed"]

Row = list[Segment]
_CONTEXT = 12  # columns kept beside what is marked when a line is cropped
_WHOLE = 4  # a bracketed place of up to so many lines is shown entirely


@dataclass(frozen=True, slots=True)
class Snippet:
    """One line of a snippet: the line number or None, and what stands right of the gutter."""

    number: int | None
    row: Row
    elided: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    """A label in lines (from 1) and code points of the line (from 0); the end is exclusive."""

    first: int
    start: int
    last: int
    end: int
    message: str
    primary: bool

    @property
    def role(self) -> str:
        return "primary" if self.primary else "place"

    @property
    def sign(self) -> str:
        return "^" if self.primary else "-"


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of source as shown: its text and the column of each code point from ``start`` on, in a window."""

    text: str
    columns: Sequence[int]
    start: int = 0

    def column(self, index: int) -> int:
        return self.columns[min(max(index - self.start, 0), len(self.columns) - 1)]


def trimmed(document: Document, span: Span) -> Span:
    """``span`` without the blanks and line breaks at its end, which nobody wants to see underlined."""
    text = document.text or ""
    start, end = max(0, min(span.start, len(text))), max(0, min(span.end, len(text)))
    return Span(span.file, start, start + len(text[start:end].rstrip()))


def last_line(document: Document, labels: Iterable[Label]) -> int:
    """The highest line number that a snippet of these labels shows."""
    return max((document.line_column(trimmed(document, label.span).end).line for label in labels), default=1)


def _mark(document: Document, label: Label, encoding: str) -> _Mark:
    span = trimmed(document, label.span)
    start, end = document.line_column(span.start), document.line_column(span.end)
    message = printable(label.message, encoding).replace("\n", " ")
    return _Mark(start.line, start.column - 1, end.line, end.column - 1, message, label.primary)


def snippet(document: Document, labels: Sequence[Label], *, width: int, encoding: str = "utf-8") -> list[Snippet]:
    """The rows that show ``labels``, all of which lie in ``document``.

    Args:
        document: the text.
        labels: the places.
        width: columns that a row may take; only source lines are kept to it.
        encoding: of the stream the rows are meant for.
    """
    marks = [_mark(document, label, encoding) for label in labels]
    inline = [mark for mark in marks if mark.first == mark.last]
    wide = sorted((mark for mark in marks if mark.first != mark.last), key=lambda mark: (mark.first, -mark.last))
    depth = _depths(wide)
    margin = 1 + max(depth.values(), default=-1)
    found: list[Snippet] = []
    previous = 0
    for number in _shown(inline, wide):
        if previous and number > previous + 1:
            found.append(Snippet(None, [*_margin(wide, depth, margin, number, before=True)], elided=True))
        previous = number
        here = [mark for mark in inline if mark.first == number]
        ends = [mark for mark in wide if number in (mark.first, mark.last)]
        line = _line(document.line_text(number), here, ends, number, width - margin - (margin > 0), encoding)
        flush = {mark for mark in wide if mark.first == number and _flush(document, mark)}
        brackets = _margin(wide, depth, margin, number, flush=flush)
        found.append(Snippet(number, [*brackets, (line.text, "")]))
        under = _margin(wide, depth, margin, number, flush=flush, under=True)
        found += [Snippet(None, [*under, *row]) for row in _underlines(here, line)]
        for mark in ends:
            if mark not in flush:
                found.append(Snippet(None, _bracket_row(mark, wide, depth, margin, number, line)))
    return found


def _shown(inline: Sequence[_Mark], wide: Sequence[_Mark]) -> list[int]:
    """The numbers of the lines to show: those marked, and the single ones between them."""
    lines = {mark.first for mark in inline}
    for mark in wide:
        if mark.last - mark.first < _WHOLE:
            lines.update(range(mark.first, mark.last + 1))
        else:
            lines.update((mark.first, mark.first + 1, mark.last))
    lines.update(number + 1 for number in list(lines) if number + 2 in lines)
    return sorted(lines)


def _depths(wide: Sequence[_Mark]) -> dict[_Mark, int]:
    """The margin column of each bracket, so that brackets over the same lines stand side by side."""
    free_after: list[int] = []
    found: dict[_Mark, int] = {}
    for mark in wide:
        column = next((i for i, last in enumerate(free_after) if last < mark.first), len(free_after))
        free_after[column : column + 1] = [mark.last]
        found[mark] = column
    return found


def _flush(document: Document, mark: _Mark) -> bool:
    """Whether a bracket opens at the first character of its line, so that ``/`` in the margin says it all."""
    return not document.line_text(mark.first)[: mark.start].strip()


def _margin(
    wide: Sequence[_Mark],
    depth: dict[_Mark, int],
    margin: int,
    number: int,
    *,
    flush: Iterable[_Mark] = (),
    under: bool = False,
    before: bool = False,
) -> Row:
    """The bracket columns left of line ``number``, of the rows under it, or of the gap before it."""
    if not margin:
        return []
    row: Row = [(" ", "")] * margin
    opened = set(flush)
    for mark in wide:
        inside = mark.first < number <= mark.last
        if before:
            inside = mark.first < number <= mark.last
        elif mark in opened:
            inside = True
        if inside:
            row[depth[mark]] = ("/" if mark in opened and not under else "|", mark.role)
    return [*row, (" ", "")]


def _bracket_row(
    mark: _Mark, wide: Sequence[_Mark], depth: dict[_Mark, int], margin: int, number: int, line: _Line
) -> Row:
    """The row that leads from the margin to where a bracket opens or closes: ``|_____^ message``."""
    closing = mark.last == number
    row = _margin(wide, depth, margin, number, under=True)[:margin]
    column = line.column(max(mark.end - 1, 0)) if closing else line.column(mark.start)
    at = depth[mark]
    row = [segment if i < at else (" ", "") for i, segment in enumerate(row[: at + 1])]
    row[at] = ("|" if closing else " ", mark.role)
    reach = "_" * (margin - at - 1 + 1 + column)
    row.append((reach + mark.sign, mark.role))
    if closing and mark.message:
        row.append((" " + mark.message, mark.role))
    return row


def _line(text: str, here: Sequence[_Mark], ends: Sequence[_Mark], number: int, width: int, encoding: str) -> _Line:
    """A source line with the columns of its code points, cropped around the marks if it is too long."""
    start, end = _window(text, here, ends, number, width)
    shown = cells(text[start:end], encoding)
    columns = [0, *accumulate(cell.width for cell in shown)]
    if len(shown) == len(text) and columns[-1] <= width:
        return _Line("".join(cell.text for cell in shown), columns)

    def column(at: int) -> int:
        return columns[min(max(at - start, 0), len(shown))]

    points = [(column(m.start), column(m.end)) for m in here]
    for mark in ends:
        at = column(max(mark.end - 1, 0) if mark.last == number else mark.start)
        points.append((at, at + 1))
    first, last = (min(p[0] for p in points), max(p[1] for p in points)) if points else (0, 1)
    dots = "…" if _carries(encoding) else "..."
    return _cropped(shown, columns, first, last, max(width, 20), dots, start, end < len(text))


def _window(text: str, here: Sequence[_Mark], ends: Sequence[_Mark], number: int, width: int) -> tuple[int, int]:
    """The part of a line that can be shown: a line may have millions of characters, and a thousand findings."""
    reach = 2 * max(width, 20) + 40
    if len(text) <= 2 * reach:
        return 0, len(text)
    starts = [mark.start for mark in here]
    starts += [max(mark.end - 1, 0) if mark.last == number else mark.start for mark in ends]
    at = min(starts, default=0)
    return max(0, at - reach), min(len(text), at + reach)


def _carries(encoding: str) -> bool:
    return printable("…", encoding) == "…"


def _cropped(
    shown: Sequence[Cell], columns: Sequence[int], first: int, last: int, width: int, dots: str, start: int, more: bool
) -> _Line:
    """The part of a line around columns ``first`` to ``last``, with dots where something was left out.

    The line goes on before ``shown`` by ``start`` characters, and after it if ``more`` is set.
    """
    room = width - 2 * len(dots)
    spare = max(room - (last - first), 0)
    left = max(0, min(first - min(_CONTEXT, spare), columns[-1] - room)) if spare else max(0, first - _CONTEXT)
    right = left + room
    begin = next(i for i, column in enumerate(columns) if column >= left)
    end = max(begin, max(i for i, column in enumerate(columns) if column <= right))
    head = dots if begin > 0 or start else ""
    tail = dots if end < len(shown) or more else ""
    low, high = columns[begin], columns[end]
    moved = [len(head) + min(max(column, low), high) - low for column in columns]
    return _Line(head + "".join(cell.text for cell in shown[begin:end]) + tail, moved, start)


def _underlines(here: Sequence[_Mark], line: _Line) -> list[Row]:
    """The rows under a source line: the underlining with the last message beside it, then the others hanging."""
    if not here:
        return []
    spans = sorted(
        ((line.column(m.start), max(line.column(m.end), line.column(m.start) + 1), m) for m in here),
        key=lambda item: (item[0], -item[1]),
    )
    signs: list[Segment] = [(" ", "")] * max(end for _, end, _ in spans)
    by_length = sorted(spans, key=lambda item: (item[0] - item[1], item[2].primary))
    for start, end, mark in by_length:  # the shorter on top, so that one inside another stays visible
        signs[start:end] = [(mark.sign, mark.role)] * (end - start)
    hanging = [item for item in spans if item[2].message]
    rows: list[Row] = [signs]
    if hanging and hanging[-1][1] == len(signs) and all(s < hanging[-1][0] for s, _, _ in hanging[:-1]):
        last = hanging.pop()[2]
        rows[0] = [*signs, (" " + last.message, last.role)]
    if hanging:
        rows.append(_stems(hanging))
    while hanging:
        start, _, mark = hanging.pop()
        stems = [item for item in hanging if item[0] < start]
        row = _stems(stems) if stems else []
        used = sum(len(text) for text, _ in row)
        rows.append([*row, (" " * (start - used), ""), (mark.message, mark.role)])
    return rows


def _stems(items: Sequence[tuple[int, int, _Mark]]) -> Row:
    """Bars under the beginnings of underlinings, down to their messages."""
    row: Row = []
    used = 0
    for start, _, mark in items:
        if start < used:
            continue
        row += [(" " * (start - used), ""), ("|", mark.role)]
        used = start + 1
    return row
