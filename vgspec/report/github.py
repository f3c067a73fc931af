"""The report as GitHub workflow commands, which show as annotations beside the changed lines.

GitHub shows at most ten errors and ten warnings a step as annotations; the log holds all.
"""

from __future__ import annotations

from vgspec.diagnostics import Diagnostic, Severity
from vgspec.report.model import Report, file_of
from vgspec.report.paths import relative
from vgspec.report.text import evidence_text

__all__ = ["render_github"]

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render_github(report: Report, *, base: str) -> str:
    """One workflow command a finding; file names are relative to the folder ``base``."""
    return "".join(f"{_annotation(d, report, base)}\n" for d in report.diagnostics)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _annotation(d: Diagnostic, report: Report, base: str) -> str:
    properties = {}
    if file := file_of(d):
        properties["file"] = relative(file, base)
    positions = None if d.span is None else report.range_of(d.span)
    if positions is not None:
        start, end = positions
        properties |= {"line": str(start.line), "col": str(start.column), "endLine": str(end.line)}
        if start.line == end.line:  # columns are refused for a range of lines
            properties["endColumn"] = str(end.column)
        else:
            del properties["col"]
    properties["title"] = f"{d.code} {d.name}"
    lines = [d.message]
    if positions is None and d.pointer:
        lines[0] = f"{d.message} (at {d.pointer})"
    if d.evidence is not None:
        lines.append(evidence_text(d.evidence))
    lines += d.notes
    if d.help:
        lines.append(f"help: {d.help}")
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{_COMMANDS[d.severity]} {listed}::{_data(chr(10).join(lines))}"
