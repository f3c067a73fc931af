"""Linting one or many targets, and showing what was found."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from vgspec.cli.discover import STDIN, Target
from vgspec.cli.output import Output
from vgspec.cli.selection import EVERYTHING, Selection
from vgspec.codes import UNREADABLE_FILE
from vgspec.diagnostics import Diagnostic, Severity
from vgspec.report.model import Report, Rule
from vgspec.report.text import render_diagnostic, summary_line
from vgspec.source import Document, MappingNode, ScalarNode, SourceMap

if TYPE_CHECKING:
    from vgspec.spec import Spec

__all__ = ["check", "check_one", "load_target", "show_diagnostics", "threshold"]


def check(
    targets: Sequence[Target],
    params: Mapping[str, object],
    selection: Selection,
    rules: tuple[Rule, ...],
    strict: bool,
    out: Output,
) -> tuple[Report, bool]:
    """Lint every target.

    A bug in vgspec that one spec brings to light does not keep the others from being linted.

    Returns:
        The report, and whether there was such a bug.
    """
    from vgspec.cli.app import crash

    files: list[str] = []
    findings: list[Diagnostic] = []
    documents: dict[str, Document] = {}
    thresholds: dict[str, Severity | None] = {}
    crashed = False
    for number, target in enumerate(targets, start=1):
        with out.progress(f"{number}/{len(targets)} {target.name}"):
            try:
                found, spec = check_one(target, params, selection)
            except Exception as error:
                out.say(f"{target.name}:")
                crash(error, out)
                crashed = True
                continue
        files.append(target.name)
        findings += found
        for document in spec.sources.documents:
            documents.setdefault(document.file, document)
        wanted = threshold(documents.get(target.name))
        if wanted is not Severity.WARNING and not strict:
            thresholds[target.name] = wanted
    report = Report(
        files=tuple(files),
        findings=tuple(findings),
        sources=SourceMap.of(documents.values()),
        rules=rules,
        fail_on=Severity.INFO if strict else Severity.WARNING,
        thresholds=thresholds,
    )
    return report, crashed


def check_one(
    target: Target, params: Mapping[str, object], selection: Selection = EVERYTHING
) -> tuple[tuple[Diagnostic, ...], Spec]:
    """The findings of one target, and the spec as far as it could be read. Rules that are not selected do not run."""
    from vgspec.lint.engine import Selection as RuleSelection
    from vgspec.lint.engine import lint

    spec = load_target(target, params)
    chosen = RuleSelection(tuple(selection.selected or ()), tuple(selection.ignored))
    return tuple(d for d in lint(spec, selection=chosen).diagnostics if d in selection), spec


def load_target(target: Target, params: Mapping[str, object]) -> Spec:
    """Load the spec of a target: a file, the config in a Keras model file, or what stands on standard input."""
    from vgspec.frontend.load import load, load_document

    if target.path is not None:
        if target.path.suffix.lower() not in (".yaml", ".yml") and not params:
            from vgspec.importers.files import is_model_file

            if is_model_file(target.path):
                from vgspec.importers.specs import load_model_file

                return load_model_file(target.path, file=target.name)
        return load(target.path, params=params, file=target.name)
    from vgspec.source import parse_bytes

    try:
        document, problems = parse_bytes(_standard_input(), STDIN)
    except OSError as error:
        message = f"cannot read standard input: {error.strerror or error}"
        document, problems = Document(STDIN, None, None), [UNREADABLE_FILE.diagnostic(message, file=STDIN)]
    return load_document(document, problems, params=params)


def _standard_input() -> bytes:
    """All that standard input gives.

    Raises:
        OSError: if it cannot be read, or the process was started without it.
    """
    if sys.stdin is None:
        raise OSError("it is closed")
    stream = getattr(sys.stdin, "buffer", None)
    return stream.read() if stream is not None else sys.stdin.read().encode("utf-8", "surrogatepass")


def threshold(document: Document | None) -> Severity | None:
    """From which severity on findings fail a document: its ``lint: {fail_on: …}``, warnings by default."""
    root = None if document is None else document.root
    section = root.get("lint") if isinstance(root, MappingNode) else None
    node = section.get("fail_on") if isinstance(section, MappingNode) else None
    value = node.value if isinstance(node, ScalarNode) else None
    if value == "never":
        return None
    return Severity(value) if value in tuple(Severity) else Severity.WARNING


def show_diagnostics(
    diagnostics: Iterable[Diagnostic], out: Output, sources: SourceMap | None = None, *, files: Sequence[str] = ()
) -> None:
    """Show findings on standard error, as commands do whose result is not a report."""
    report = Report(tuple(files), tuple(diagnostics), sources or SourceMap())
    look = out.error_look
    for diagnostic in report.diagnostics:
        out.stderr.write(render_diagnostic(diagnostic, report.sources, look) + "\n")
    if files and report.counts.total:
        out.stderr.write(summary_line(report, look) + "\n")
