"""What a report is made from: the findings of one run, the texts they lie in, and the rules they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from vgspec.diagnostics import Diagnostic, Severity, Span
from vgspec.source import Position, SourceMap

__all__ = ["Counts", "Report", "Rule", "at_least", "file_of", "is_language_code"]

_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


def at_least(severity: Severity, threshold: Severity) -> bool:
    """Whether ``severity`` is as grave as ``threshold`` or graver."""
    return _RANK[severity] >= _RANK[threshold]


def is_language_code(code: str) -> bool:
    """Whether a code is one of the language's own (``VG0xx``), which say that a document is no valid spec."""
    return code.startswith("VG0")


def file_of(diagnostic: Diagnostic) -> str:
    """The file in which a finding is to be shown: that of its primary place, else its own."""
    span = diagnostic.span
    return span.file if span is not None else diagnostic.file


@dataclass(frozen=True, slots=True)
class Rule:
    """What a report may say of a kind of finding.

    Attributes:
        code: stable identifier, such as ``VG101``.
        name: stable name, such as ``gradient-vanishes``.
        severity: its severity unless configured otherwise.
        summary: one sentence.
        page: the whole page in Markdown; empty where there is no more to say than the summary.
        group: the name of the group it belongs to; empty for the language's own.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    page: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many findings there are of each severity."""

    errors: int = 0
    warnings: int = 0
    infos: int = 0

    @classmethod
    def of(cls, diagnostics: Iterable[Diagnostic]) -> Counts:
        """The counts of these findings."""
        severities = [d.severity for d in diagnostics]
        return cls(
            severities.count(Severity.ERROR), severities.count(Severity.WARNING), severities.count(Severity.INFO)
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.errors + self.warnings + self.infos

    def __str__(self) -> str:
        """``2 errors and 1 warning``; what there is none of is left out."""
        parts = [
            f"{number} {word}{'' if number == 1 else 's'}"
            for number, word in ((self.errors, "error"), (self.warnings, "warning"), (self.infos, "info"))
            if number
        ]
        if not parts:
            return "no findings"
        return " and ".join(parts) if len(parts) < 3 else f"{parts[0]}, {parts[1]} and {parts[2]}"


@dataclass(frozen=True)
class Report:
    """The result of one run over one or more files.

    Attributes:
        files: every file that was looked at, in order, those without findings too.
        findings: all diagnostics, in any order; `diagnostics` has them sorted, each once.
        sources: the texts, for snippets, lines and columns.
        rules: the kinds of finding that may occur.
        fail_on: findings of this severity or above fail the run.
        thresholds: files that set this for themselves; None means that nothing the linter finds there fails.
    """

    files: tuple[str, ...]
    findings: tuple[Diagnostic, ...]
    sources: SourceMap
    rules: tuple[Rule, ...] = ()
    fail_on: Severity = Severity.WARNING
    thresholds: Mapping[str, Severity | None] = field(default_factory=dict)

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The findings by file, in the order of ``files``, then by position; those without a place come first."""
        rank = {file: i for i, file in enumerate(self.files)}

        def key(diagnostic: Diagnostic) -> tuple[int, str, int]:
            file, span = file_of(diagnostic), diagnostic.span
            return rank.get(file, len(rank)), file, -1 if span is None else span.start

        return tuple(sorted(dict.fromkeys(self.findings), key=key))

    @cached_property
    def counts(self) -> Counts:
        """The number of findings by severity."""
        return Counts.of(self.diagnostics)

    @property
    def failed(self) -> bool:
        """Whether a finding fails the run."""
        return any(self.fails(d) for d in self.diagnostics)

    def fails(self, diagnostic: Diagnostic) -> bool:
        """Whether this finding is grave enough to fail the run; an error that makes a spec invalid always is."""
        if diagnostic.severity is Severity.ERROR and is_language_code(diagnostic.code):
            return True
        threshold = self.thresholds.get(file_of(diagnostic), self.fail_on)
        return threshold is not None and at_least(diagnostic.severity, threshold)

    def by_file(self) -> dict[str, tuple[Diagnostic, ...]]:
        """Findings by the file they are shown in, files without findings included."""
        found: dict[str, list[Diagnostic]] = {file: [] for file in self.files}
        for diagnostic in self.diagnostics:
            found.setdefault(file_of(diagnostic), []).append(diagnostic)
        return {file: tuple(items) for file, items in found.items()}

    def rule(self, code: str) -> Rule | None:
        """The rule with this code, or None."""
        return next((rule for rule in self.rules if rule.code == code), None)

    def range_of(self, span: Span) -> tuple[Position, Position] | None:
        """First and last (exclusive) position of a span, or None where its file has no text here."""
        document = self.sources.get(span.file)
        if document is None or document.text is None:
            return None
        return document.line_column(span.start), document.line_column(span.end)
