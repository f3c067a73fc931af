"""How often each rule was broken."""

from __future__ import annotations

import json
from collections import Counter

from vgspec.report.model import Report, file_of
from vgspec.report.style import PLAIN, Look, Segment, paint
from vgspec.report.text import summary_line

__all__ = ["render_statistics"]


def render_statistics(report: Report, output_format: str, look: Look = PLAIN) -> str:
    """One line a rule, the most frequent first: findings, files, code, name. ``json`` gives a list of objects."""
    found = Counter((d.code, d.name, d.severity.value) for d in report.diagnostics)
    files = Counter(
        (code, name, severity)
        for code, name, severity, _ in {(d.code, d.name, d.severity.value, file_of(d)) for d in report.diagnostics}
    )
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    if output_format == "json":
        rows = [
            {"code": code, "name": name, "severity": severity, "count": count, "files": files[code, name, severity]}
            for (code, name, severity), count in ordered
        ]
        return json.dumps(rows, indent=2) + "\n"
    digits = len(str(max(found.values(), default=0)))
    lines: list[str] = []
    for (code, name, severity), count in ordered:
        in_files = files[code, name, severity]
        row: list[Segment] = [
            (f"{count:>{digits}} ", "strong"),
            (f"{code} {name}", severity),
            (f" in {in_files} file{'' if in_files == 1 else 's'}", ""),
        ]
        lines.append(paint(row, look.color))
    return "\n".join([*lines, summary_line(report, look)]) + "\n"
