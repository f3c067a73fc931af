"""Making the fixes that are offered, round after round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vgspec.diagnostics import Applicability, Diagnostic, Severity, has_errors
from vgspec.lint.engine import LintResult, Selection, lint
from vgspec.lint.offers import reloaded

if TYPE_CHECKING:
    from vgspec.analysis.signal import Assumptions
    from vgspec.spec import Spec

__all__ = ["ROUNDS", "Fixed", "fix_spec"]

ROUNDS = 10
"""After so many rounds fixes are not tried any more; two that undo each other would go on for ever."""

_BUDGET = 100_000
"""Layers that the proofs of one round of fixing may lint: it is asked for, and may take its time."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """What fixing gave.

    Attributes:
        text: the document's text after all fixes.
        result: what linting says of it.
        applied: the findings that were mended, each with its fix, in the order in which this was done.
        rounds: how many rounds it took.
    """

    text: str
    result: LintResult
    applied: tuple[Diagnostic, ...]
    rounds: int


def fix_spec(
    spec: Spec,
    *,
    unsafe: bool = False,
    selection: Selection | None = None,
    settings: Mapping[str, float] | None = None,
    assumptions: Assumptions | None = None,
) -> Fixed:
    """Make every fix that may be made, round after round, until there is none left.

    Args:
        spec: a loaded spec with text.
        unsafe: also those that change the function which the model computes.
        selection: the rules that run.
        settings: thresholds by ``rule.setting`` that differ from the defaults.
        assumptions: numbers for sizes that the spec leaves open.
    """

    def check(changed: Spec) -> LintResult:
        return lint(
            changed,
            selection=selection or Selection(),
            settings=settings,
            assumptions=assumptions,
            fixes=Severity.INFO,
            budget=_BUDGET,
        )

    allowed = {Applicability.SAFE} | ({Applicability.UNSAFE} if unsafe else set())
    applied: list[Diagnostic] = []
    seen = {spec.document.text or ""}
    result = check(spec)
    for number in range(ROUNDS):
        ready = [item for item in result.diagnostics if item.fix is not None and item.fix.applicability in allowed]
        safe = [item for item in ready if item.fix is not None and item.fix.applicability is Applicability.SAFE]
        together = _compatible(safe or ready)
        if not together or spec.document.text is None:
            return Fixed(spec.document.text or "", result, tuple(applied), number)
        spec, result, made = _step(spec, together, result, check, seen)
        applied += made
        if not made:
            return Fixed(spec.document.text or "", result, (*applied,), number)
    return Fixed(spec.document.text or "", result, tuple(applied), ROUNDS)


def _step(
    spec: Spec, wanted: list[Diagnostic], before: LintResult, check: Callable[[Spec], LintResult], seen: set[str]
) -> tuple[Spec, LintResult, list[Diagnostic]]:
    """Make fixes together; where that does harm, the first alone. A text that was there before is no step."""
    for made in (wanted, wanted[:1]):
        edits = [edit for item in made if item.fix is not None for edit in item.fix.edits]
        changed = reloaded(spec, edits)
        text = changed.document.text or ""
        if has_errors(changed.diagnostics) or text in seen:
            continue
        result = check(changed)
        left = {(item.code, item.node or item.pointer) for item in result.diagnostics}
        gone = [item for item in made if (item.code, item.node or item.pointer) not in left]
        if len(gone) == len(made) and _loud(result) <= _loud(before):
            seen.add(text)
            return changed, result, made
    return spec, before, []


def _loud(result: LintResult) -> int:
    return sum(item.severity is not Severity.INFO for item in result.diagnostics)


def _compatible(findings: list[Diagnostic]) -> list[Diagnostic]:
    """Findings whose fixes do not touch the same text, the first ones first; one of several with equal fixes."""
    chosen: list[Diagnostic] = []
    taken: list[tuple[int, int]] = []
    for item in findings:
        edits = item.fix.edits if item.fix is not None else ()
        spans = [(edit.span.start, max(edit.span.end, edit.span.start + 1)) for edit in edits]
        if any(start < end2 and start2 < end for start, end in spans for start2, end2 in taken):
            continue
        chosen.append(item)
        taken += spans
    return chosen
