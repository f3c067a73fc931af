"""The output formats of ``vgspec lint``, by name. A format's module is imported when it is asked for."""

from __future__ import annotations

from vgspec.report.model import Report
from vgspec.report.style import Look
from vgspec.report.text import render_text

__all__ = ["FORMATS", "render"]

FORMATS = ("text", "concise", "json", "sarif", "github", "junit")


def render(report: Report, output_format: str, *, look: Look, base: str, tool_version: str) -> str:
    """The report in one of `FORMATS`.

    Args:
        report: what to show.
        output_format: the name of the format.
        look: how text is shown; other formats do not depend on it.
        base: the folder that file names are relative to in the formats for tools.
        tool_version: the version of vgspec, which some formats name.

    Raises:
        ValueError: if there is no such format.
    """
    if output_format == "text":
        return render_text(report, look)
    if output_format == "concise":
        from vgspec.report.concise import render_concise

        return render_concise(report, look)
    if output_format == "json":
        from vgspec.report.json_report import render_json

        return render_json(report, base=base, tool_version=tool_version)
    if output_format == "sarif":
        from vgspec.report.sarif import render_sarif

        return render_sarif(report, base=base, tool_version=tool_version)
    if output_format == "github":
        from vgspec.report.github import render_github

        return render_github(report, base=base)
    if output_format == "junit":
        from vgspec.report.junit import render_junit

        return render_junit(report, base=base)
    raise ValueError(f"no output format is called {output_format!r}")
