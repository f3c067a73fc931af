"""The report as JSON: everything a finding holds, for programs. See ``docs/reference/json-output.md``.

`SCHEMA` describes the output. A field may be added in any release; one is removed or changes its meaning only
together with ``version``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from vgspec.diagnostics import Cause, Diagnostic, Evidence, Fix, Label, Span
from vgspec.report.model import Counts, Report, file_of
from vgspec.report.paths import relative
from vgspec.source import Position

__all__ = ["SCHEMA", "VERSION", "render_json"]

VERSION = 1


def render_json(report: Report, *, base: str, tool_version: str) -> str:
    """The report as one JSON object, indented, with a final line break.

    Args:
        report: what to show.
        base: the folder that file names are relative to.
        tool_version: the version of vgspec.
    """
    data = {
        "version": VERSION,
        "tool": {"name": "vgspec", "version": tool_version},
        "files": [
            {"path": relative(file, base), **_counts(Counts.of(found))} for file, found in report.by_file().items()
        ],
        "diagnostics": [_diagnostic(d, report, base) for d in report.diagnostics],
        "summary": {"files": len(report.files), **_counts(report.counts), "failed": report.failed},
    }
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _counts(counts: Counts) -> dict[str, int]:
    return {"errors": counts.errors, "warnings": counts.warnings, "infos": counts.infos}


def _diagnostic(d: Diagnostic, report: Report, base: str) -> dict[str, Any]:
    return {
        "code": d.code,
        "name": d.name,
        "severity": d.severity.value,
        "message": d.message,
        "file": relative(file_of(d), base),
        "pointer": d.pointer,
        "node": d.node or None,
        "nodes": list(d.nodes or ((d.node,) if d.node else ())),
        "range": None if d.span is None else _range(d.span, report),
        "labels": [_label(label, report, base) for label in d.labels],
        "notes": list(d.notes),
        "causes": [_cause(cause) for cause in d.causes],
        "help": d.help or None,
        "evidence": None if d.evidence is None else _evidence(d.evidence),
        "fix": None if d.fix is None else _fix(d.fix, report, base),
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "code": cause.code,
        "name": cause.name,
        "severity": cause.severity.value,
        "message": cause.message,
        "pointer": cause.pointer,
        "node": cause.node or None,
    }


def _place(position: Position, offset: int) -> dict[str, int]:
    return {"line": position.line, "column": position.column, "offset": offset}


def _range(span: Span, report: Report) -> dict[str, Any] | None:
    positions = report.range_of(span)
    if positions is None:
        return None
    return {"start": _place(positions[0], span.start), "end": _place(positions[1], span.end)}


def _label(label: Label, report: Report, base: str) -> dict[str, Any]:
    return {
        "file": relative(label.span.file, base),
        "range": _range(label.span, report),
        "message": label.message,
        "primary": label.primary,
    }


def number(value: float | None) -> float | str | None:
    """A number as JSON can hold it: infinities and NaN become the strings that JavaScript calls them."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "quantity": evidence.quantity,
        "value": number(evidence.value),
        "threshold": number(evidence.threshold),
        "path": list(evidence.path),
    }


def _fix(fix: Fix, report: Report, base: str) -> dict[str, Any]:
    return {
        "title": fix.title,
        "applicability": fix.applicability.value,
        "effect": fix.effect or None,
        "edits": [
            {
                "file": relative(edit.span.file, base),
                "range": _range(edit.span, report),
                "replacement": edit.replacement,
            }
            for edit in fix.edits
        ],
    }


def _object(properties: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": list(properties),
    }


def _nullable(schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}], "description": description}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


_COUNT = {"type": "integer", "minimum": 0}
_COUNTS = {
    "errors": {**_COUNT, "description": "Findings of severity error."},
    "warnings": {**_COUNT, "description": "Findings of severity warning."},
    "infos": {**_COUNT, "description": "Findings of severity info."},
}
_NUMBER = {"anyOf": [{"type": "number"}, {"enum": ["Infinity", "-Infinity", "NaN"]}]}

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://vgspec.dev/schema/vgspec-lint-output.schema.json",
    "title": "Output of vgspec lint --output-format json",
    **_object(
        {
            "version": {"const": VERSION, "description": "Version of this format."},
            "tool": _object({"name": {"const": "vgspec"}, "version": _text("Version of vgspec.")}, "What wrote it."),
            "files": {
                "type": "array",
                "description": "Every file that was looked at, those without findings too.",
                "items": _object({"path": _text("Name of the file."), **_COUNTS}, "One file."),
            },
            "diagnostics": {
                "type": "array",
                "description": "The findings, by file and position.",
                "items": {"$ref": "#/$defs/diagnostic"},
            },
            "summary": _object(
                {
                    "files": {**_COUNT, "description": "Number of files looked at."},
                    **_COUNTS,
                    "failed": {
                        "type": "boolean",
                        "description": "Whether a finding fails the run.",
                    },
                },
                "Totals.",
            ),
        },
        "One run of the linter.",
    ),
    "$defs": {
        "position": _object(
            {
                "line": {"type": "integer", "minimum": 1, "description": "Line, from 1."},
                "column": {"type": "integer", "minimum": 1, "description": "Column in code points, from 1."},
                "offset": {"type": "integer", "minimum": 0, "description": "Code points from the start of the file."},
            },
            "A place in a text.",
        ),
        "range": _object(
            {"start": {"$ref": "#/$defs/position"}, "end": {"$ref": "#/$defs/position"}},
            "A part of a text; its end is exclusive.",
        ),
        "label": _object(
            {
                "file": _text("The file it lies in."),
                "range": _nullable({"$ref": "#/$defs/range"}, "The place; null where the text is not at hand."),
                "message": _text("What is to be seen there; may be empty."),
                "primary": {"type": "boolean", "description": "Whether it is the place of the finding itself."},
            },
            "A place that belongs to a finding.",
        ),
        "evidence": _object(
            {
                "quantity": _text("What was predicted or measured."),
                "value": {**_NUMBER, "description": "Its value."},
                "threshold": _nullable(_NUMBER, "The limit it goes beyond."),
                "path": {"type": "array", "items": {"type": "string"}, "description": "Ids of nodes, worst first."},
            },
            "The number behind a finding.",
        ),
        "fix": _object(
            {
                "title": _text("What it does."),
                "applicability": {"enum": ["safe", "unsafe", "display"], "description": "Who may apply it."},
                "effect": _nullable({"type": "string"}, "What it is predicted to bring."),
                "edits": {
                    "type": "array",
                    "description": "Changes of the text; all ranges refer to the text before any of them.",
                    "items": _object(
                        {
                            "file": _text("The file to change."),
                            "range": _nullable({"$ref": "#/$defs/range"}, "The part to replace."),
                            "replacement": _text("What to put there."),
                        },
                        "One change.",
                    ),
                },
            },
            "A change that mends a finding.",
        ),
        "cause": _object(
            {
                "code": {"type": "string", "pattern": "^VG[0-9]{3}$", "description": "Stable identifier."},
                "name": _text("Stable name."),
                "severity": {"enum": ["error", "warning", "info"], "description": "How much it matters by itself."},
                "message": _text("One sentence."),
                "pointer": _text("JSON pointer (RFC 6901) of the part of the document it is about."),
                "node": _nullable({"type": "string"}, "Id of the graph node it is about."),
            },
            "A finding of another rule that belongs to the same cause; --select NAME shows it by itself.",
        ),
        "diagnostic": _object(
            {
                "code": {"type": "string", "pattern": "^VG[0-9]{3}$", "description": "Stable identifier."},
                "name": _text("Stable name."),
                "severity": {"enum": ["error", "warning", "info"], "description": "How much it matters."},
                "message": _text("One sentence."),
                "file": _text("The file it lies in; <stdin> for standard input."),
                "pointer": _text("JSON pointer (RFC 6901) of the part of the document it is about."),
                "node": _nullable({"type": "string"}, "Id of the graph node it is about."),
                "nodes": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Ids of all graph nodes with the same finding, the one above first.",
                },
                "range": _nullable({"$ref": "#/$defs/range"}, "The primary place."),
                "labels": {"type": "array", "items": {"$ref": "#/$defs/label"}, "description": "All its places."},
                "notes": {"type": "array", "items": {"type": "string"}, "description": "Further facts."},
                "causes": {
                    "type": "array",
                    "items": {"$ref": "#/$defs/cause"},
                    "description": "Findings of other rules that say where it comes from, or what it leads to.",
                },
                "help": _nullable({"type": "string"}, "The next step to take."),
                "evidence": _nullable({"$ref": "#/$defs/evidence"}, "The number behind it."),
                "fix": _nullable({"$ref": "#/$defs/fix"}, "A change that mends it."),
            },
            "One finding.",
        ),
    },
}
"""JSON Schema (draft 2020-12) of the output."""
