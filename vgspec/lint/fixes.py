"""Fixes that are proven: each is made in the text, loaded and linted again before it is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vgspec.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity, has_errors
from vgspec.lint.edits import apply_edits, plan
from vgspec.lint.words import power

if TYPE_CHECKING:
    from vgspec.analysis.signal import Assumptions
    from vgspec.lint.engine import LintResult, Selection
    from vgspec.lint.facts import Facts
    from vgspec.lint.rule import Finding
    from vgspec.spec import Spec

__all__ = ["ROUNDS", "Fixed", "fix_spec", "offer", "reloaded"]

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


def reloaded(spec: Spec, edits: Iterable[Edit]) -> Spec:
    """The spec with its text changed."""
    from vgspec.frontend.load import load_document
    from vgspec.source import parse_text

    text = apply_edits(spec.document.text or "", edits)
    document, problems = parse_text(text, spec.document.file)
    root = spec.to_dict().get("params")
    declared = root if isinstance(root, Mapping) else {}
    params = {name: value for name, value in spec.params.items() if name in declared}
    return load_document(document, problems, path=spec.path, params=params, limits=spec.limits)


def offer(facts: Facts, finding: Finding, diagnostic: Diagnostic, known: list[Diagnostic]) -> Fix | None:
    """The first proposal that mends a finding and brings no new one; None if none does, or none can be made.

    Args:
        facts: the model.
        finding: what was found, with proposals.
        diagnostic: the same for users.
        known: what all rules find.
    """
    for proposal in finding.proposals:
        planned = plan(facts.spec.document, facts.graph, proposal.changes)
        if planned is None or not planned.edits:
            continue
        applicability = Applicability.DISPLAY if planned.shared else proposal.applicability
        fix = Fix(proposal.title, planned.edits, applicability)
        effect = _effect(facts, finding, diagnostic, fix, known)
        if effect is not None:
            return replace(fix, effect=effect)
    return None


def _effect(facts: Facts, finding: Finding, diagnostic: Diagnostic, fix: Fix, found: list[Diagnostic]) -> str | None:
    """What a fix is predicted to bring, in words; None if it does not help or does harm."""
    from vgspec.lint.engine import Selection, run_rules
    from vgspec.lint.facts import Facts

    spec = reloaded(facts.spec, fix.edits)
    if spec.graph is None or has_errors(spec.diagnostics):
        return None
    changed = Facts(spec, facts.settings, facts.assumptions)
    after = [item for item, _ in run_rules(changed, Selection())]
    known, left = {_about(item) for item in found}, {_about(item) for item in after}
    if _about(diagnostic) in left:
        return None
    if any(item.severity is not Severity.INFO and _about(item) not in known for item in after):
        return None
    before, now = (_gradient(item, finding.node) for item in (facts, changed))
    if before is not None and now is not None and abs(before - now) > 0.3:
        return f"predicted gradient at `{finding.node}`: {power(before)} → {power(now)}"
    others = len(known - left) - 1
    return f"mends {others} more finding{'s' if others > 1 else ''}" if others > 0 else ""


def _about(item: Diagnostic) -> tuple[str, str]:
    """What a finding says of what. Pointers shift when an item is put in; ids of nodes stay."""
    return item.code, item.node or item.pointer


def _gradient(facts: Facts, node: str) -> float | None:
    record = facts.profile.by_id.get(node)
    size = record.log10_kernel_gradient if record is not None else None
    return size if size is not None and abs(size) < 300.0 else None


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
    from vgspec.lint.engine import Selection, lint

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
    result = check(spec)
    for number in range(ROUNDS):
        ready = [item for item in result.diagnostics if item.fix is not None and item.fix.applicability in allowed]
        safe = [item for item in ready if item.fix is not None and item.fix.applicability is Applicability.SAFE]
        together = _compatible(safe or ready)
        if not together or spec.document.text is None:
            return Fixed(spec.document.text or "", result, tuple(applied), number)
        spec, result, made = _step(spec, together, result, check)
        applied += made
        if not made:
            return Fixed(spec.document.text or "", result, (*applied,), number)
    return Fixed(spec.document.text or "", result, tuple(applied), ROUNDS)


def _step(
    spec: Spec, wanted: list[Diagnostic], before: LintResult, check: Callable[[Spec], LintResult]
) -> tuple[Spec, LintResult, list[Diagnostic]]:
    """Make fixes together; where that does harm, the first alone."""
    for made in (wanted, wanted[:1]):
        edits = [edit for item in made if item.fix is not None for edit in item.fix.edits]
        changed = reloaded(spec, edits)
        result = check(changed)
        if not has_errors(changed.diagnostics) and len(result.diagnostics) < len(before.diagnostics):
            return changed, result, made
    return spec, before, []


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
