"""Diagnostics: the one type for everything vgspec tells its users, from a syntax error to a lint finding.

Exceptions are for bugs in vgspec and for unusable calls. Whatever is wrong with a *document* is a
`Diagnostic`: it has a stable code, a place, plain words and, where one is known, a fix.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = [
    "Applicability",
    "Cause",
    "Diagnostic",
    "Edit",
    "Evidence",
    "Fix",
    "Label",
    "Severity",
    "Span",
    "has_errors",
    "nearest",
]


class Severity(enum.StrEnum):
    """How much a diagnostic matters. Errors stop a build; warnings stop it with ``--strict``."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Applicability(enum.StrEnum):
    """Who may apply a fix.

    ``SAFE`` keeps weight shapes and the function the model computes once trained (an initializer);
    ``UNSAFE`` changes the function (activation, normalisation, skip); ``DISPLAY`` needs a person.
    """

    SAFE = "safe"
    UNSAFE = "unsafe"
    DISPLAY = "display"


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range ``[start, end)`` of code points in the file called ``file``."""

    file: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Label:
    """A place that belongs to a diagnostic, with what is to be seen there. One label is primary."""

    span: Span
    message: str = ""
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text at ``span`` by ``replacement``."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that mends a finding: text edits in one file, and what they are predicted to bring."""

    title: str
    edits: tuple[Edit, ...]
    applicability: Applicability
    effect: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The number behind a finding: ``quantity`` is ``value`` where ``threshold`` is the limit.

    ``path`` holds the ids of the nodes that cause it, worst first.
    """

    quantity: str
    value: float
    threshold: float | None = None
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding that is shown under another one, because it names its cause. The attributes are a diagnostic's."""

    code: str
    name: str
    severity: Severity
    message: str
    pointer: str = ""
    node: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing to tell the user.

    Attributes:
        code: stable identifier such as ``VG012``.
        name: stable name of the bad pattern, such as ``unknown-layer``.
        severity: error, warning or info.
        message: one sentence in plain words, without a final full stop.
        pointer: RFC 6901 JSON pointer of the document node it is about.
        labels: places in the text; none where the document came as a ``dict``.
        notes: further facts, one a line: what was received, the expansion chain.
        help: the next step to take, if there is one to name.
        evidence: the measured number, for findings that have one.
        fix: a change of the text that mends it.
        file: the file, or ``<string>``, ``<dict>``, ``<stdin>``.
        node: the id of the graph node it is about, where it is about one.
        nodes: the ids of all nodes that it is about, where there are several.
        causes: findings of other rules that say where this one comes from; they are not reported by themselves.
    """

    code: str
    name: str
    severity: Severity
    message: str
    pointer: str = ""
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str = ""
    evidence: Evidence | None = None
    fix: Fix | None = None
    file: str = ""
    node: str = ""
    nodes: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Its own name, and those of its causes."""
        return tuple(dict.fromkeys((self.name, *(cause.name for cause in self.causes))))

    @property
    def severities(self) -> tuple[tuple[str, Severity], ...]:
        """Its own name and those of its causes, each with its severity."""
        return ((self.name, self.severity), *((cause.name, cause.severity) for cause in self.causes))

    @property
    def span(self) -> Span | None:
        """The span of the primary label, or None where the document has no text."""
        for label in self.labels:
            if label.primary:
                return label.span
        return self.labels[0].span if self.labels else None

    def with_notes(self, *notes: str) -> Diagnostic:
        """The same diagnostic with ``notes`` appended."""
        return replace(self, notes=(*self.notes, *notes))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them is an error."""
    return any(d.severity is Severity.ERROR for d in diagnostics)


_MANY = 1000


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate a user most likely meant by ``word``, or None if none is near.

    Case and underscores are ignored first, so that ``batchnormalization`` finds ``BatchNormalization``.
    """
    import difflib

    def plain(text: str) -> str:
        return text.replace("_", "").replace("-", "").lower()

    options = list(candidates)
    if len(options) > _MANY:  # difflib takes 5 µs a word; a slip seldom changes the first letter or the length much
        first = plain(word)[:1]
        options = [o for o in options if plain(o)[:1] == first and abs(len(o) - len(word)) <= 3][:_MANY]
    by_plain = {plain(option): option for option in reversed(options)}
    if plain(word) in by_plain:
        return by_plain[plain(word)]
    close = difflib.get_close_matches(plain(word), by_plain, n=1, cutoff=0.6)
    return by_plain[close[0]] if close else None
