"""Fixes that are proven: each is made in the text, loaded and linted again before it is offered."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vgspec.diagnostics import Applicability, Edit, Fix, Severity, has_errors
from vgspec.lint.edits import apply_edits, plan
from vgspec.lint.words import power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts
    from vgspec.lint.gathering import Raised
    from vgspec.spec import Spec

__all__ = ["Offer", "offer", "reloaded"]

Finder = Callable[["Facts"], "list[Raised]"]
"""What all rules find in a model, one by one."""


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


def offer(facts: Facts, item: Raised, known: list[Raised], most: int, find: Finder) -> Offer:
    """Look for a fix of a finding.

    Args:
        facts: the model.
        item: what was found, with proposals.
        known: what ``find`` finds.
        most: proposals to prove, each by linting the changed document.
        find: gives what all rules find.
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
        effect = _effect(facts, item, fix, known, find)
        if effect is not None:
            return Offer(replace(fix, effect=effect), proofs, False)
    return Offer(None, proofs, False)


def _effect(facts: Facts, item: Raised, fix: Fix, known: list[Raised], find: Finder) -> str | None:
    """What a fix is predicted to bring, in words; None if it does not help or does harm."""
    from vgspec.lint.facts import Facts

    spec = reloaded(facts.spec, fix.edits)
    if spec.graph is None or has_errors(spec.diagnostics):
        return None
    changed = Facts(spec, facts.settings, facts.assumptions)
    after = [raised for raised in find(changed) if not raised.allowed]
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
    of it; and where no gradient arrived, no step was too long. What follows from the size of a gradient and has its own
    remedy (clipping) comes in the next round of fixing. Where layers have new ids, because they moved into a residual
    connection, findings are counted by rule.
    """
    loud = [item for item in after if item.diagnostic.severity is not Severity.INFO]
    loud = [item for item in loud if not _was_hidden(facts, item)]
    loud = [item for item in loud if item.role != "consequence" or not item.finding.proposals]
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
