"""The report as SARIF 2.1.0 (OASIS standard), which code hosts and editors show beside the text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from vgspec.diagnostics import Applicability, Diagnostic, Edit, Fix, Label, Severity, Span
from vgspec.report.json_report import number
from vgspec.report.model import Report, Rule, file_of
from vgspec.report.paths import uri
from vgspec.report.text import evidence_text

__all__ = ["render_sarif"]

_SCHEMA_URI = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_PROBLEM_SEVERITIES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}
_ROOT = "%SRCROOT%"
_FINGERPRINT = "vgspecFinding/v1"


def render_sarif(report: Report, *, base: str, tool_version: str) -> str:
    """The report as one SARIF log with one run.

    Args:
        report: what to show.
        base: the folder that URIs are relative to; it is not named in the log.
        tool_version: the version of vgspec.
    """
    rules = _rules(report)
    index = {rule.code: i for i, rule in enumerate(rules)}
    fingerprints = _fingerprints(report, base)
    results = [
        _result(d, report, base, index[d.code], fingerprint)
        for d, fingerprint in zip(report.diagnostics, fingerprints, strict=True)
    ]
    run = {
        "tool": {
            "driver": {
                "name": "vgspec",
                "version": tool_version,
                "semanticVersion": tool_version,
                "rules": [_descriptor(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder in which vgspec was run."}}},
        "artifacts": [
            {"location": _artifact(file, base), "roles": ["analysisTarget"]} for file in dict.fromkeys(report.files)
        ],
        "invocations": [{"executionSuccessful": True}],
        "results": results,
    }
    log = {"$schema": _SCHEMA_URI, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _rules(report: Report) -> list[Rule]:
    """The rules that findings name, sorted by code; one that is not described is described by its finding."""
    found: dict[str, Rule] = {}
    for d in report.diagnostics:
        found.setdefault(d.code, report.rule(d.code) or Rule(d.code, d.name, d.severity, d.name.replace("-", " ")))
    return sorted(found.values(), key=lambda rule: rule.code)


def _descriptor(rule: Rule) -> dict[str, Any]:
    help_text = rule.page or rule.summary
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": help_text, "markdown": help_text},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "problem.severity": rule.severity.value if rule.severity is not Severity.INFO else "recommendation"
        },
    }


def _artifact(file: str, base: str) -> dict[str, str]:
    reference = uri(file, base)
    if reference.startswith("file:"):
        return {"uri": reference}
    return {"uri": reference, "uriBaseId": _ROOT}


def _region(span: Span, report: Report, *, snippet: bool = False) -> dict[str, Any] | None:
    positions = report.range_of(span)
    if positions is None:
        return None
    start, end = positions
    region: dict[str, Any] = {
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }
    document = report.sources.get(span.file)
    if snippet and document is not None and start.line == end.line:
        region["snippet"] = {"text": document.slice(span)}
    return region


def _physical(span: Span, report: Report, base: str) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": _artifact(span.file, base)}
    region = _region(span, report, snippet=True)
    return location if region is None else {**location, "region": region}


def _location(d: Diagnostic, report: Report, base: str) -> dict[str, Any]:
    file, span = file_of(d), d.span
    location: dict[str, Any] = {}
    if span is not None:
        location["physicalLocation"] = _physical(span, report, base)
    elif file:
        location["physicalLocation"] = {"artifactLocation": _artifact(file, base)}
    logical: list[dict[str, str]] = []
    if d.node:
        logical.append({"name": d.node.rpartition(".")[2], "fullyQualifiedName": d.node, "kind": "member"})
    if d.pointer:
        logical.append({"fullyQualifiedName": d.pointer, "kind": "element"})
    if logical:
        location["logicalLocations"] = logical
    return location


def _related(d: Diagnostic, report: Report, base: str) -> Iterator[dict[str, Any]]:
    secondary = [label for label in d.labels if label.span != d.span]
    for i, label in enumerate(secondary, start=1):
        location: dict[str, Any] = {"id": i, "physicalLocation": _physical(label.span, report, base)}
        if label.message:
            location["message"] = {"text": label.message}
        yield location


def _message(d: Diagnostic) -> str:
    primary: Label | None = next((label for label in d.labels if label.primary), None)
    lines = [d.message if primary is None or not primary.message else f"{d.message}: {primary.message}"]
    if d.evidence is not None:
        lines.append(evidence_text(d.evidence))
    lines += d.notes
    if d.help:
        lines.append(f"help: {d.help}")
    return "\n".join(lines)


def _result(d: Diagnostic, report: Report, base: str, rule_index: int, fingerprint: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": d.code,
        "ruleIndex": rule_index,
        "level": _LEVELS[d.severity],
        "message": {"text": _message(d)},
        "locations": [_location(d, report, base)],
        "partialFingerprints": {_FINGERPRINT: fingerprint},
    }
    if related := list(_related(d, report, base)):
        result["relatedLocations"] = related
    if d.fix is not None and (fix := _fix(d.fix, report, base)) is not None:
        result["fixes"] = [fix]
    properties: dict[str, Any] = {"name": d.name, "pointer": d.pointer}
    if d.node:
        properties["node"] = d.node
    if d.evidence is not None:
        properties["evidence"] = {
            "quantity": d.evidence.quantity,
            "value": number(d.evidence.value),
            "threshold": number(d.evidence.threshold),
            "path": list(d.evidence.path),
        }
    return {**result, "properties": properties}


def _fix(fix: Fix, report: Report, base: str) -> dict[str, Any] | None:
    """A fix that a tool can apply; None for one that is for a person or whose text is not at hand."""
    by_file: dict[str, list[Edit]] = {}
    for edit in fix.edits:
        by_file.setdefault(edit.span.file, []).append(edit)
    if fix.applicability is Applicability.DISPLAY or not by_file:
        return None
    changes = []
    for file, edits in by_file.items():
        replacements = []
        for edit in edits:
            region = _region(edit.span, report)
            if region is None:
                return None
            replacements.append({"deletedRegion": region, "insertedContent": {"text": edit.replacement}})
        changes.append({"artifactLocation": _artifact(file, base), "replacements": replacements})
    title = f"{fix.title} ({fix.effect})" if fix.effect else fix.title
    return {"description": {"text": title}, "artifactChanges": changes}


def _fingerprints(report: Report, base: str) -> list[str]:
    """For each finding a name that stays when lines move.

    It is made of the rule, the file, the text of the marked line (without text, the pointer) and a number
    that counts findings alike in all of these.
    """
    seen: dict[str, int] = {}
    found: list[str] = []
    for d in report.diagnostics:
        positions = None if d.span is None else report.range_of(d.span)
        document = None if d.span is None else report.sources.get(d.span.file)
        place = d.pointer
        if positions is not None and document is not None:
            place = document.line_text(positions[0].line).strip()
        key = "\0".join((d.code, uri(file_of(d), base), place))
        seen[key] = seen.get(key, 0) + 1
        found.append(hashlib.sha256(f"{key}\0{seen[key]}".encode("utf-8", "surrogatepass")).hexdigest()[:32])
    return found
