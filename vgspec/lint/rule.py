"""What a rule is: one stateless class in one file, whose docstring is its page and whose examples are its tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from vgspec.diagnostics import Applicability, Evidence, Severity
from vgspec.ir import Origin
from vgspec.lint.facts import Facts

__all__ = ["Change", "Example", "Finding", "Proposal", "Rule"]


@dataclass(frozen=True, slots=True)
class Example:
    """A spec that shows a rule.

    Attributes:
        title: what it shows, a few words.
        spec: YAML text.
        finds: for a bad example, the node ids that the findings of this rule are about, in order.
        also: names of other rules that rightly speak up too.
        params: values of the spec's parameters.
    """

    title: str
    spec: str
    finds: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    params: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """An edit of the document in its own terms; `vgspec.lint.fixes` turns it into text edits.

    Attributes:
        kind: ``set`` (a key's value), ``delete`` (a key), ``insert`` (a list item before ``pointer``),
            ``replace`` (the value at ``pointer``).
        pointer: the place: for ``set`` the key itself, whether it exists or not.
        file: the document.
        value: plain data.
    """

    kind: str
    pointer: str
    file: str
    value: object = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A remedy: changes of the document, and who may apply them."""

    title: str
    changes: tuple[Change, ...]
    applicability: Applicability


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found.

    Attributes:
        message: one sentence in plain words, without a final full stop.
        node: id of the node it is about; or empty, with ``origin``.
        origin: a place that is no node's (an output, the compile section).
        related: further places as (node id, words).
        notes: further facts.
        help: the next step.
        evidence: the number.
        proposals: remedies, best first; the engine offers the first that it can prove.
        severity: overrides the rule's.
    """

    message: str
    node: str = ""
    origin: Origin | None = None
    related: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    help: str = ""
    evidence: Evidence | None = None
    proposals: tuple[Proposal, ...] = field(default=())
    severity: Severity | None = None


class Rule:
    """Base of all rules. A subclass sets the class variables and yields findings from `check`.

    The docstring has the sections "What it does", "Why is this bad?", "Use instead", "Fix safety" and
    "References", each begun by a line ``## Title``.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = Severity.WARNING
    group: ClassVar[str] = ""
    measured: ClassVar[bool] = False
    """Whether it reads the predicted gradient profile."""
    bad: ClassVar[Sequence[Example]] = ()
    good: ClassVar[Sequence[Example]] = ()
    settings: ClassVar[dict[str, float]] = {}
    """Thresholds with their defaults, settable in the configuration; the docstring gives the reason."""

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Yield what is wrong with the model that ``facts`` describes."""
        raise NotImplementedError(type(self).__name__)
