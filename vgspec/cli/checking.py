"""Linting one target or many, and showing what was found."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vgspec.cli.discover import Target
from vgspec.cli.output import Output
from vgspec.codes import NOT_LINTED, UNREADABLE_FILE
from vgspec.collection import uncollected
from vgspec.diagnostics import Diagnostic, Severity
from vgspec.limits import DEFAULT_LIMITS, Limits
from vgspec.report.model import Report, Rule
from vgspec.report.text import render_diagnostic, summary_line
from vgspec.settings import Settings
from vgspec.settings.selection import EVERYTHING, Selection
from vgspec.source import Document, MappingNode, ScalarNode, SequenceNode, SourceMap

if TYPE_CHECKING:
    from vgspec.spec import Spec

__all__ = [
    "Job",
    "Linted",
    "check_one",
    "lint_one",
    "load_target",
    "make_report",
    "read_standard_input",
    "show_diagnostics",
    "write_report",
]


@dataclass(frozen=True, slots=True)
class Job:
    """One target with all that linting it depends on; it can be sent to another process.

    Attributes:
        target: what to lint.
        params: values of the spec's parameters.
        selection: which findings are shown.
        settings: thresholds, assumptions, limits, and the severity that fails.
        own_fail_on: whether the spec may say itself what fails it, which an option of the call forbids.
        data: what stood on standard input, if the target is that.
    """

    target: Target
    params: Mapping[str, object] = field(default_factory=dict)
    selection: Selection = EVERYTHING
    settings: Settings = field(default_factory=Settings)
    own_fail_on: bool = True
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Linted:
    """What came of a job.

    Attributes:
        file: the name of the target.
        findings: what was found.
        documents: the texts that were read, without their trees, which reports do not need.
        fail_on: the least severity that fails this file; None for none.
        read: the files that the result depends on, some of which may not exist.
        traceback: where vgspec failed, if it did.
    """

    file: str
    findings: tuple[Diagnostic, ...]
    documents: tuple[Document, ...] = ()
    fail_on: Severity | None = Severity.WARNING
    read: tuple[str, ...] = ()
    traceback: str = ""


@uncollected()
def lint_one(job: Job) -> Linted:
    """Lint one target. A bug in vgspec that it brings to light becomes a finding, so that others are still linted.

    When the collector may look again, all that was made for the target is gone but what is returned.
    """
    target, settings = job.target, job.settings
    own = () if target.path is None or target.standard_input else (str(target.path),)
    try:
        found, spec = check_one(target, job.params, job.selection, settings, job.data)
    except Exception as error:
        return _failed(job, error, own)
    documents = spec.sources.documents
    fail_on = settings.fail_on
    if job.own_fail_on:
        fail_on = _own_threshold(next((d for d in documents if d.file == target.name), None), settings.fail_on)
    return Linted(
        target.name,
        found,
        tuple(Document(document.file, document.text, None) for document in documents),
        fail_on,
        tuple(dict.fromkeys((*own, *_includes(documents)))),
    )


def _failed(job: Job, error: Exception, own: tuple[str, ...]) -> Linted:
    import traceback

    from vgspec.cli.bugs import describe

    finding = NOT_LINTED.diagnostic(
        f"vgspec failed on this file: {describe(error)}",
        file=job.target.name,
        help="this is a bug in vgspec, not in your spec; please report it with the file and with the output of the "
        "same command with VGSPEC_TRACEBACK=1 set",
    )
    text = "".join(traceback.format_exception(error))
    return Linted(job.target.name, (finding,), (), job.settings.fail_on, own, text)


def _includes(documents: Iterable[Document]) -> Iterable[str]:
    """The paths of all includes that documents name."""
    for document in documents:
        root = document.root
        node = root.get("include") if isinstance(root, MappingNode) else None
        for item in node if isinstance(node, SequenceNode) else ():
            source = item.get("from") if isinstance(item, MappingNode) else None
            if isinstance(source, ScalarNode) and isinstance(source.value, str) and "\0" not in source.value:
                folder = "" if document.file.startswith("<") else os.path.dirname(document.file)
                yield os.path.normpath(os.path.join(folder, source.value))


def make_report(results: Sequence[Linted], rules: tuple[Rule, ...]) -> Report:
    """The report of all targets, which are sorted."""
    findings: list[Diagnostic] = []
    documents: dict[str, Document] = {}
    thresholds: dict[str, Severity | None] = {item.file: item.fail_on for item in results}
    for item in results:
        findings += item.findings
        for document in item.documents:
            documents.setdefault(document.file, document)
            thresholds.setdefault(document.file, item.fail_on)  # an include is judged as the first that includes it
    return Report(
        files=tuple(item.file for item in results),
        findings=tuple(findings),
        sources=SourceMap.of(documents.values()),
        rules=rules,
        thresholds=thresholds,
    )


def check_one(
    target: Target,
    params: Mapping[str, object],
    selection: Selection = EVERYTHING,
    settings: Settings | None = None,
    data: bytes | None = None,
) -> tuple[tuple[Diagnostic, ...], Spec]:
    """The findings of one target, and the spec as far as it could be read. Rules that are not selected do not run."""
    from vgspec.settings.applied import lint_selected

    given = settings or Settings()
    spec = load_target(target, params, given.limits, data)
    return lint_selected(spec, given, selection).diagnostics, spec


def load_target(
    target: Target, params: Mapping[str, object], limits: Limits = DEFAULT_LIMITS, data: bytes | None = None
) -> Spec:
    """Load the spec of a target: a file, the config in a Keras model file, or what stands on standard input.

    Args:
        target: what to load.
        params: values of the spec's parameters.
        limits: bounds on what it may cost.
        data: what stood on standard input, if that has been read.
    """
    from vgspec.frontend.load import load, load_document

    if target.path is not None and not target.standard_input:
        if target.path.suffix.lower() not in (".yaml", ".yml") and not params:
            from vgspec.importers.files import is_model_file

            if is_model_file(target.path):
                from vgspec.importers.specs import load_model_file

                return load_model_file(target.path, file=target.name, limits=limits)
        return load(target.path, params=params, file=target.name, limits=limits)
    from vgspec.source import parse_bytes

    try:
        content = read_standard_input(limits) if data is None else data
        document, problems = parse_bytes(content, target.name, limits)
    except OSError as error:
        message = f"cannot read standard input: {error.strerror or error}"
        document = Document(target.name, None, None)
        problems = [UNREADABLE_FILE.diagnostic(message, file=target.name)]
    return load_document(document, problems, path=target.path, params=params, limits=limits)


def read_standard_input(limits: Limits = DEFAULT_LIMITS) -> bytes:
    """What standard input gives, as far as the limits allow.

    Raises:
        OSError: if it cannot be read, or the process was started without it.
    """
    if sys.stdin is None:
        raise OSError("it is closed")
    stream = getattr(sys.stdin, "buffer", None)
    if stream is not None:
        found: bytes = stream.read(limits.max_bytes + 1)
        return found
    return sys.stdin.read(limits.max_bytes + 1).encode("utf-8", "surrogatepass")


def _own_threshold(document: Document | None, default: Severity | None) -> Severity | None:
    """From which severity on findings fail a document: what its ``lint: {fail_on: …}`` says, or ``default``."""
    root = None if document is None else document.root
    section = root.get("lint") if isinstance(root, MappingNode) else None
    node = section.get("fail_on") if isinstance(section, MappingNode) else None
    value = node.value if isinstance(node, ScalarNode) else None
    if value == "never":
        return None
    return Severity(value) if value in tuple(Severity) else default


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


def write_report(report: Report, output_format: str, statistics: bool, out: Output) -> None:
    """Write a report, or how often each rule was broken, to standard output."""
    from vgspec import __version__
    from vgspec.report.formats import render
    from vgspec.report.statistics import render_statistics

    if statistics:
        text = render_statistics(report, output_format, out.look)
    else:
        text = render(report, output_format, look=out.look, base=os.getcwd(), tool_version=__version__)
    if output_format not in ("text", "concise"):
        out.write_data(text)
    elif report.counts.total or (report.files and out.verbosity >= 0):
        out.write(text)
