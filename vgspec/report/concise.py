"""The report with one line a finding, as compilers write it: for a quick look, and for editors that jump to places."""

from __future__ import annotations

from vgspec.diagnostics import Diagnostic
from vgspec.report.cells import printable
from vgspec.report.model import Report, file_of
from vgspec.report.style import PLAIN, Look, Segment, paint
from vgspec.report.text import summary_line

__all__ = ["render_concise"]


def render_concise(report: Report, look: Look = PLAIN) -> str:
    """``FILE:LINE:COLUMN: SEVERITY[CODE NAME]: MESSAGE`` for each finding, then the line that sums up.

    Where there is no text, the JSON pointer stands in the place of line and column.
    """
    return "\n".join([*(_line(d, report, look) for d in report.diagnostics), summary_line(report, look)]) + "\n"


def _line(d: Diagnostic, report: Report, look: Look) -> str:
    positions = None if d.span is None else report.range_of(d.span)
    place = file_of(d)
    if positions is not None:
        place = f"{place}:{positions[0].line}:{positions[0].column}"
    elif d.pointer:
        place = f"{place}:{d.pointer}"
    name = " ".join(part for part in (d.code, d.name) if part)
    row: list[Segment] = [
        (f"{place}: ", "strong"),
        (f"{d.severity.value}[{name}]", d.severity.value),
        (f": {' '.join(d.message.split())}", ""),
    ]
    return paint([(printable(text, look.encoding).replace("\n", " "), role) for text, role in row], look.color)
