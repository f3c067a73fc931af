"""The report as JUnit XML: a test case a file, which fails if a finding in it does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from vgspec.diagnostics import Diagnostic
from vgspec.report.model import Counts, Report
from vgspec.report.paths import relative

__all__ = ["render_junit"]

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(report: Report, *, base: str) -> str:
    """One test suite; file names are relative to the folder ``base``."""
    cases: list[str] = []
    failures = 0
    for file, found in report.by_file().items():
        failing = any(report.fails(d) for d in found)
        failures += failing
        cases += _case(relative(file, base), found, failing, report, base)
    head = f'name="vgspec" tests="{len(report.by_file())}" failures="{failures}" errors="0"'
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f"<testsuites {head}>",
        f"  <testsuite {head}>",
        *cases,
        "  </testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text))


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _case(name: str, found: Sequence[Diagnostic], failing: bool, report: Report, base: str) -> list[str]:
    head = f'    <testcase classname="vgspec" name={_attribute(name)} file={_attribute(name)}'
    if not found:
        return [f"{head}/>"]
    body = _text("\n".join(_line(d, report, base) for d in found))
    if failing:
        message = _attribute(str(Counts.of(found)))
        return [f"{head}>", f'      <failure type="lint" message={message}>{body}</failure>', "    </testcase>"]
    return [f"{head}>", f"      <system-out>{body}</system-out>", "    </testcase>"]


def _line(d: Diagnostic, report: Report, base: str) -> str:
    """``file:line:column: error VG020 unknown-layer: message``."""
    span = d.span
    positions = None if span is None else report.range_of(span)
    place = relative(d.file if span is None else span.file, base)
    if positions is not None:
        place = f"{place}:{positions[0].line}:{positions[0].column}"
    elif d.pointer:
        place = f"{place} at {d.pointer}"
    rest = "".join(f"\n  {note}" for note in d.notes)
    return f"{place}: {d.severity.value} {d.code} {d.name}: {d.message}{rest}"
