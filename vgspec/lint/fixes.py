"""Fixes that are proven: each is made in the text, loaded and linted again before it is offered."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from vgspec.diagnostics import Applicability, Diagnostic, Edit, Fix, Severity, has_errors
from vgspec.lint.edits import apply_edits, plan
from vgspec.lint.words import power

if TYPE_CHECKING:
    from vgspec.analysis.signal import Assumptions
    from vgspec.lint.engine import LintResult, Selection
    from vgspec.lint.facts import Facts
    from vgspec.lint.gathering import Raised
    from vgspec.spec import Spec

__all__ = ["ROUNDS", "Fixed", "Offer", "fix_spec", "offer", "reloaded"]

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


class Offer(NamedTuple):
    """What came of looking for a fix.

    Attributes:
        fix: the first proposal that mends the finding and does no harm; None if none does, or none can be made.
        proofs: how many proposals were linted for it.
        untried: whether there are proposals that were not looked at.
    """

    fix: Fix | None
    proofs: int
    untried: bool


def offer(facts: Facts, item: Raised, known: list[Raised], most: int) -> Offer:
    """Look for a fix of a finding.

    Args:
        facts: the model.
        item: what was found, with proposals.
        known: what all rules find, one by one.
        most: proposals to prove, each by linting the changed document.
    """
    proofs = 0
    for proposal in item.finding.proposals:
        if proofs >= most:
            return Offer(None, proofs, True)
        planned = plan(facts.spec.document, facts.graph, proposal.changes)
        if planned is None or not planned.edits:
            continue
        applicability = Applicability.DISPLAY if planned.shared else proposal.applicability
        fix = Fix(proposal.title, planned.edits, applicability)
        proofs += 1
        effect = _effect(facts, item, fix, known)
        if effect is not None:
            return Offer(replace(fix, effect=effect), proofs, False)
    return Offer(None, proofs, False)


def _effect(facts: Facts, item: Raised, fix: Fix, known: list[Raised]) -> str | None:
    """What a fix is predicted to bring, in words; None if it does not help or does harm."""
    from vgspec.lint.engine import Selection, run_rules
    from vgspec.lint.facts import Facts

    spec = reloaded(facts.spec, fix.edits)
    if spec.graph is None or has_errors(spec.diagnostics):
        return None
    changed = Facts(spec, facts.settings, facts.assumptions)
    after = [raised for raised in run_rules(changed, Selection()) if not raised.allowed]
    code = item.rule.code
    nodes = set(item.nodes or (item.diagnostic.pointer,))
    if any(raised.rule.code == code and _place(raised) in nodes for raised in after):
        return None
    moved = not set(facts.graph.by_id) <= set(changed.graph.by_id)
    if moved and _count(after)[code] >= _count(known)[code]:
        return None
    if _harms(facts, changed, known, after, moved=moved):
        return None
    before, now = (_gradient(side, item.finding.node) for side in (facts, changed))
    if before is not None and now is not None and abs(before - now) > 0.3:
        return f"predicted gradient at `{item.finding.node}`: {power(before)} → {power(now)}"
    if moved and item.rule.measured:
        before, now = (_smallest(side) for side in (facts, changed))
        if before is not None and now is not None and now - before > 0.3:
            return f"smallest predicted gradient of a kernel: {power(before)} → {power(now)}"
    others = sum(max(0, n - _count(after)[key]) > 0 for key, n in _count(known).items() if key != code)
    return f"mends {others} more finding{'s' if others > 1 else ''}" if others > 0 else ""


def _place(raised: Raised) -> str:
    """What a finding is about. Pointers shift when an item is put in; ids of nodes stay."""
    return raised.finding.node or raised.diagnostic.pointer


def _count(raised: Iterable[Raised]) -> Counter[str]:
    """The number of findings by code."""
    return Counter(item.rule.code for item in raised)


def _harms(facts: Facts, changed: Facts, known: list[Raised], after: list[Raised], *, moved: bool) -> bool:
    """Whether there are warnings or errors that were not there before.

    What a fix only brings to light does not count: a kernel of zeros passes no gradient, and hides what would become
    of it. Where layers have new ids, because they moved into a residual connection, findings are counted by rule.
    """
    loud = [item for item in after if item.diagnostic.severity is not Severity.INFO]
    loud = [item for item in loud if not _was_hidden(facts, item)]
    if moved:
        return any(count > _count(known)[code] for code, count in _count(loud).items())
    before = {(item.rule.code, _place(item)) for item in known}
    return any((item.rule.code, _place(item)) not in before for item in loud)


def _was_hidden(facts: Facts, item: Raised) -> bool:
    """Whether the gradient that a finding speaks of did not even exist before."""
    record = facts.profile.by_id.get(item.finding.node)
    size = record.log10_kernel_gradient if record is not None else None
    return item.rule.measured and size is not None and math.isinf(size)


def _smallest(facts: Facts) -> float | None:
    """Decimal logarithm of the smallest norm of a kernel's gradient."""
    sizes = [record.log10_kernel_gradient for record in facts.profile.nodes if record.trainable]
    return min((size for size in sizes if size is not None and abs(size) < 300.0), default=None)


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
