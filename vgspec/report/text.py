"""The report that people read: each finding with its place in the text, then one line that sums up.

The look is that of rustc and ruff: header, place, source lines with the place marked, notes, help, fix.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vgspec.diagnostics import Diagnostic, Edit, Evidence, Fix, Label, Span
from vgspec.report.cells import cells, printable
from vgspec.report.model import Report
from vgspec.report.snippet import Row, last_line, snippet
from vgspec.report.style import PLAIN, Look, paint
from vgspec.source import Document, SourceMap

__all__ = ["render_diagnostic", "render_text", "summary_line"]

_PATH_SHOWN = 6  # nodes of an evidence path that are named
_FIX_LINES = 24  # lines of a fix that are shown


def render_text(report: Report, look: Look = PLAIN) -> str:
    """The whole report, with a line that sums up at its end."""
    blocks = [render_diagnostic(d, report.sources, look) for d in report.diagnostics]
    return "\n".join([*blocks, summary_line(report, look)]) + "\n"


def summary_line(report: Report, look: Look = PLAIN) -> str:
    """``Found 2 errors and 1 warning in 3 files``, or that all is well."""
    checked = f"{len(report.files)} file{'' if len(report.files) == 1 else 's'}"
    counts = report.counts
    if not counts.total:
        return paint([("All good: ", "ok"), (f"{checked} checked, no findings", "")], look.color)
    role = "error" if counts.errors else "warning" if counts.warnings else "info"
    return paint([("Found ", "strong"), (str(counts), role), (f" in {checked}", "strong")], look.color)


def render_diagnostic(diagnostic: Diagnostic, sources: SourceMap, look: Look = PLAIN) -> str:
    """One finding; ends with an empty line."""
    groups = _by_file(diagnostic)
    documents = {file: document for file in groups if (document := sources.get(file)) and document.text is not None}
    highest = max((last_line(documents[file], groups[file]) for file in documents), default=1)
    if diagnostic.fix is not None:
        highest = max(highest, _last_changed(diagnostic.fix, sources))
    digits = max(len(str(highest)), 1)
    rows: list[Row] = [_header(diagnostic)]
    if not groups:
        rows.append([(" " * digits + "--> ", "gutter"), (_pointer_place(diagnostic), "")])
    for i, (file, labels) in enumerate(groups.items()):
        rows += _file_rows(file, labels, documents.get(file), "--> " if i == 0 else "::: ", digits, look)
        if file not in documents and i == 0 and diagnostic.pointer:
            rows.append([(" " * digits + " = ", "gutter"), ("at: ", "strong"), (diagnostic.pointer, "")])
    footer = _footer(diagnostic, digits)
    if footer and documents:
        rows.append(_gutter(digits))
    rows += footer
    if diagnostic.fix is not None:
        rows += _fix_rows(diagnostic.fix, sources, digits, look)
    severity = diagnostic.severity.value
    lines = [
        paint([(_safe(text, look), severity if role == "primary" else role) for text, role in row], look.color)
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _safe(text: str, look: Look) -> str:
    return printable(text, look.encoding)


def _header(diagnostic: Diagnostic) -> Row:
    name = " ".join(part for part in (diagnostic.code, diagnostic.name) if part)
    return [(f"{diagnostic.severity.value}[{name}]", "primary"), (f": {_one_line(diagnostic.message)}", "strong")]


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))


def _by_file(diagnostic: Diagnostic) -> dict[str, list[Label]]:
    """Labels by file, the file of the primary place first."""
    span = diagnostic.span
    found: dict[str, list[Label]] = {} if span is None else {span.file: []}
    for label in diagnostic.labels:
        found.setdefault(label.span.file, []).append(label)
    if found and not any(label.primary for label in diagnostic.labels):
        first = diagnostic.labels[0]
        found[first.span.file][0] = Label(first.span, first.message, primary=True)
    return found


def _pointer_place(diagnostic: Diagnostic) -> str:
    place = diagnostic.file
    if diagnostic.pointer:
        place = f"{place} at {diagnostic.pointer}" if place else f"at {diagnostic.pointer}"
    if place and diagnostic.node and repr(diagnostic.node) not in diagnostic.message:
        place = f"{place} ({diagnostic.node})"
    return place or "at the whole document"


def _gutter(digits: int, number: int | None = None, sign: str = "|") -> Row:
    return [(f"{'' if number is None else number:>{digits}} {sign}", "gutter")]


def _file_rows(
    file: str, labels: Sequence[Label], document: Document | None, arrow: str, digits: int, look: Look
) -> list[Row]:
    """The place of the first mark in ``file`` and the source lines around all marks there."""
    main = next((label for label in labels if label.primary), labels[0])
    if document is None:
        return [[(" " * digits + arrow, "gutter"), (file, "")]]
    place = document.line_column(main.span.start)
    rows: list[Row] = [
        [(" " * digits + arrow, "gutter"), (f"{file}:{place.line}:{place.column}", "")],
        _gutter(digits),
    ]
    for part in snippet(document, labels, width=max(look.width - digits - 3, 20), encoding=look.encoding):
        if part.elided:
            rows.append([("...".ljust(digits + 3), "gutter"), *part.row])
        else:
            rows.append([*_gutter(digits, part.number), (" ", ""), *part.row])
    return rows


def _footer(diagnostic: Diagnostic, digits: int) -> list[Row]:
    rows: list[Row] = []
    if diagnostic.evidence is not None:
        rows += _note("evidence", evidence_text(diagnostic.evidence), digits)
    for note in diagnostic.notes:
        rows += _note("note", note, digits)
    if diagnostic.help:
        rows += _note("help", diagnostic.help, digits)
    return rows


def _note(word: str, text: str, digits: int) -> list[Row]:
    """``= note: …``; further lines are aligned with the first."""
    role = "help" if word == "help" else "strong"
    first, *rest = text.split("\n")
    indent = " " * (digits + 3 + len(word) + 2)
    return [[(" " * digits + " = ", "gutter"), (f"{word}: ", role), (first, "")], *[[(indent + r, "")] for r in rest]]


def number_text(value: float) -> str:
    """A number with three significant digits: ``3.1e-20``, ``0.41``, ``128``."""
    if not math.isfinite(value):
        return {math.inf: "infinity", -math.inf: "-infinity"}.get(value, "not a number")
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.3g}"


def evidence_text(evidence: Evidence) -> str:
    """``gradient = 3.1e-20 (threshold 1e-07); worst first: a, b``."""
    text = f"{evidence.quantity} = {number_text(evidence.value)}"
    if evidence.threshold is not None:
        text += f" (threshold {number_text(evidence.threshold)})"
    if evidence.path:
        text += ("; worst first: " if len(evidence.path) > 1 else "; at ") + ", ".join(evidence.path[:_PATH_SHOWN])
        if len(evidence.path) > _PATH_SHOWN:
            text += f" and {len(evidence.path) - _PATH_SHOWN} more"
    return text


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """``text`` after the edits, which must not overlap."""
    for edit in sorted(edits, key=lambda e: (e.span.start, e.span.end), reverse=True):
        text = text[: edit.span.start] + edit.replacement + text[edit.span.end :]
    return text


def _fix_rows(fix: Fix, sources: SourceMap, digits: int, look: Look) -> list[Row]:
    """What a fix would change, as removed and added lines."""
    words = {"safe": "fix", "unsafe": "unsafe fix", "display": "suggestion"}[fix.applicability.value]
    title = f"{fix.title} ({fix.effect})" if fix.effect else fix.title
    rows = _note(words, title, digits)
    by_file: dict[str, list[Edit]] = {}
    for edit in fix.edits:
        by_file.setdefault(edit.span.file, []).append(edit)
    for file, edits in by_file.items():
        document = sources.get(file)
        if document is not None and document.text is not None:
            rows += _changed_lines(document, edits, digits, look)
    return rows


def _last_changed(fix: Fix, sources: SourceMap) -> int:
    """The highest line number that showing a fix takes, before or after it is made."""
    highest = 1
    for edit in fix.edits:
        document = sources.get(edit.span.file)
        if document is not None and document.text is not None:
            highest = max(highest, document.line_column(edit.span.end).line + edit.replacement.count("\n"))
    return highest


def _changed_lines(document: Document, edits: Sequence[Edit], digits: int, look: Look) -> list[Row]:
    """Removed and added lines with their numbers, for the part of the text that the edits touch."""
    import difflib

    text = document.text or ""
    first = document.line_column(min(edit.span.start for edit in edits)).line
    last = document.line_column(max(edit.span.end for edit in edits)).line
    begin, end = document.offset(first, 1), document.offset(last + 1, 1) if last < document.line_count else len(text)
    part = text[begin:end]
    moved = [Edit(Span(e.span.file, e.span.start - begin, e.span.end - begin), e.replacement) for e in edits]
    old, new = part.splitlines(), apply_edits(part, moved).splitlines()
    rows: list[Row] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        rows += [_change("-", first + n, old[n], digits, look) for n in range(a, b)]
        rows += [_change("+", first + n, new[n], digits, look) for n in range(c, d)]
    if len(rows) > _FIX_LINES:
        more = len(rows) - _FIX_LINES
        rows = [*rows[:_FIX_LINES], [(" " * digits + f" … {more} more lines", "faint")]]
    return [_gutter(digits), *rows] if rows else []


def _change(sign: str, number: int, line: str, digits: int, look: Look) -> Row:
    shown = cells(line, look.encoding)
    room = max(look.width - digits - 3, 20)
    text, width = "", 0
    for cell in shown:
        if width + cell.width > room - 1:
            text += "…"
            break
        text, width = text + cell.text, width + cell.width
    role = "removed" if sign == "-" else "added"
    return [(f"{number:>{digits}} ", "gutter"), (f"{sign} ", role), (text, role)]
