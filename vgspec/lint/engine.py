"""Runs the rules over a spec: findings become diagnostics with places, suppressions are honoured and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vgspec import codes
from vgspec.collection import uncollected
from vgspec.diagnostics import Diagnostic, Label, Severity, has_errors, nearest
from vgspec.frontend.findings import chain_notes
from vgspec.ir import Node, Origin
from vgspec.lint.facts import Facts
from vgspec.lint.gathering import GRAVITY, Raised, covered, gather
from vgspec.lint.places import argument_place, document_place, origin_of
from vgspec.lint.rule import Finding, Rule
from vgspec.lint.rules import RULES
from vgspec.spec import Spec

if TYPE_CHECKING:
    from vgspec.analysis.signal import Assumptions

__all__ = ["LintResult", "Selection", "find_rule", "lint", "run_rules"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rules run, by name, code or prefix of a code; the empty selection means all."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def includes(self, rule: type[Rule] | Rule) -> bool:
        """Whether a rule runs."""

        def named(patterns: Iterable[str]) -> bool:
            return any(p == rule.name or p == rule.group or rule.code.startswith(p) for p in patterns)

        return (not self.select or named(self.select)) and not named(self.ignore)


@dataclass(frozen=True, slots=True)
class LintResult:
    """What linting gave.

    Attributes:
        spec: the loaded spec.
        diagnostics: errors of the document and findings of the rules, in document order.
        suppressed: findings that the spec allows.
    """

    spec: Spec
    diagnostics: tuple[Diagnostic, ...]
    suppressed: tuple[Diagnostic, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether there is neither an error nor a warning."""
        return not any(d.severity in (Severity.ERROR, Severity.WARNING) for d in self.diagnostics)


def find_rule(name: str) -> type[Rule] | None:
    """The rule with this name or code, or None."""
    return next((rule for rule in RULES if name in (rule.name, rule.code)), None)


@uncollected()
def lint(
    spec: Spec,
    *,
    selection: Selection = Selection(),
    settings: Mapping[str, float] | None = None,
    assumptions: Assumptions | None = None,
    fixes: Severity | None = Severity.WARNING,
    budget: int = 4_000,
) -> LintResult:
    """Run the rules over a loaded spec. A spec with errors gets these only: rules need the whole graph.

    Args:
        spec: the spec.
        selection: which rules run.
        settings: thresholds by ``rule.setting`` that differ from the defaults.
        assumptions: numbers for sizes that the spec leaves open.
        fixes: look for fixes of findings from this severity on, and prove each by linting the changed document
            again; None for none.
        budget: how many layers all these proofs together may lint.
    """
    if spec.graph is None or has_errors(spec.diagnostics):
        return LintResult(spec, spec.diagnostics)
    facts = Facts(spec, _settings(settings or {}), assumptions)
    raised = run_rules(facts, selection)
    closed = [item for item in raised if item.allowed]
    reported = gather(facts, [item for item in raised if not item.allowed])
    silenced = covered(closed, reported)
    reported = [item for item in reported if item not in silenced]
    wanted = [item for item in reported if item.finding.proposals and _at_least(item.diagnostic.severity, fixes)]
    if wanted and spec.document.text is not None:
        every = raised if selection == Selection() else run_rules(facts, Selection())
        known = [item for item in every if not item.allowed]
        looked = _with_fixes(facts, wanted, known, budget)
        reported = [looked.get(id(item), item) for item in reported]
    used = {place for item in closed for place in item.allowed}
    found = [item.diagnostic for item in reported] + _suppression_findings(facts, used, selection)
    ordered = sorted((*spec.diagnostics, *found), key=_document_order(spec))
    suppressed = tuple(item.diagnostic for item in (*closed, *silenced))
    return LintResult(spec, tuple(ordered), suppressed)


def _at_least(severity: Severity, limit: Severity | None) -> bool:
    return limit is not None and GRAVITY[severity] <= GRAVITY[limit]


def run_rules(facts: Facts, selection: Selection) -> list[Raised]:
    """What the rules find, one by one, with the suppressions that hold for each."""
    found = []
    for rule in RULES:
        if not selection.includes(rule):
            continue
        for finding in rule().check(facts):
            allowed = tuple(place for place, name in _allowances(facts, finding) if name in (rule.name, rule.code))
            nodes = (finding.node,) if finding.node else ()
            found.append(Raised(rule, finding, _diagnostic(rule, finding, facts), nodes, allowed))
    return found


def _with_fixes(facts: Facts, wanted: list[Raised], known: list[Raised], budget: int) -> dict[int, Raised]:
    """By identity, findings with the fix that mends them, the gravest first for as long as the budget lasts.

    Each proof lints the changed document and costs as many layers as the model has: of a large one a few fixes are
    tried only, of a very large one the first.
    """
    from vgspec.lint.offers import offer

    found = {}
    size = max(len(facts.nodes), 1)
    left = max(-(-budget // size), 1)
    for item in sorted(wanted, key=lambda item: GRAVITY[item.diagnostic.severity]):
        fix, proofs, untried = offer(facts, item, known, left, lambda changed: run_rules(changed, Selection()))
        left -= proofs
        found[id(item)] = _untried(item) if untried else item
        if fix is not None:
            found[id(item)] = replace(item, diagnostic=replace(item.diagnostic, fix=fix))
    return found


def _untried(item: Raised) -> Raised:
    """A finding whose fixes were not proven, and so are not offered, with words that say so."""
    note = "there may be a fix, not tried here because the model is large; --fix --unsafe-fixes --diff tries it"
    return replace(item, diagnostic=item.diagnostic.with_notes(note))


def _settings(given: Mapping[str, float]) -> dict[str, float]:
    defaults = {f"{rule.name}.{key}": value.default for rule in RULES for key, value in rule.settings.items()}
    return defaults | dict(given)


def _document_order(spec: Spec) -> Callable[[Diagnostic], tuple[bool, str, int, str]]:
    def key(item: Diagnostic) -> tuple[bool, str, int, str]:
        start = item.span.start if item.span is not None else -1
        return (item.file != spec.document.file, item.file, start, item.code)

    return key


def _place(finding: Finding, facts: Facts) -> Origin:
    """Where a finding is shown."""
    if finding.pointer:
        return document_place(facts.spec, finding.pointer, finding.file)
    origin = origin_of(facts.graph, finding.node)
    if finding.argument and finding.node in facts.graph.by_id:
        return argument_place(facts.spec, origin, finding.argument) or origin
    return origin


def _diagnostic(rule: type[Rule], finding: Finding, facts: Facts) -> Diagnostic:
    origin = _place(finding, facts)
    labels = [Label(origin.span, "", primary=True)] if origin.span is not None else []
    seen = {origin.span, origin_of(facts.graph, finding.node).span}
    for node_id, words in finding.related:
        span = origin_of(facts.graph, node_id).span
        if span is not None and span not in seen:
            seen.add(span)
            labels.append(Label(span, words))
    for node_id in finding.evidence.path[:_PATH_LABELS] if finding.evidence is not None else ():
        span = origin_of(facts.graph, node_id).span
        if span is not None and span not in seen and len(labels) < _MOST_LABELS:
            seen.add(span)
            labels.append(Label(span, "takes part"))
    return Diagnostic(
        code=rule.code,
        name=rule.name,
        severity=finding.severity or rule.severity,
        message=finding.message,
        pointer=origin.pointer,
        labels=tuple(labels),
        notes=(*finding.notes, *chain_notes(origin.chain)),
        help=finding.help,
        evidence=finding.evidence,
        file=origin.file or facts.spec.document.file,
        node=finding.node,
    )


_PATH_LABELS = 5
"""Nodes of a finding's evidence, the worst first, whose places are shown beside its own."""
_MOST_LABELS = 6
"""Places of a finding after which no more of the evidence are shown; those that its rule names always are."""

Place = tuple[str, str]
"""A suppression: its file and its pointer there."""


def _allowances(facts: Facts, finding: Finding) -> Iterator[tuple[Place, str]]:
    """The suppressions that hold where a finding is, each with the rule that it names."""
    node = facts.graph.by_id.get(finding.node)
    if node is not None:
        yield from _of_node(facts.spec, node)
        return
    for name, _, pointer in facts.graph.meta.get("lint", ()):
        yield (facts.spec.document.file, pointer), name


def _of_node(spec: Spec, node: Node) -> Iterator[tuple[Place, str]]:
    """A node's suppressions with the files in which they stand.

    A node knows their pointers only. One of the document holds everywhere; any other belongs to the file in which a
    step of the node's expansion, or its own item, lies below what the suppression is written on.
    """
    steps = [(frame.file, frame.pointer) for frame in node.origin.chain]
    steps.append((node.origin.file, node.origin.pointer))
    for name, _, pointer in node.lint:
        base = pointer[: pointer.rindex("/lint/")] if "/lint/" in pointer else pointer
        if not base:
            yield (spec.document.file, pointer), name
        for file in dict.fromkeys(file for file, at in steps if base and f"{at}/".startswith(f"{base}/")):
            yield (file, pointer), name


def _suppression_findings(facts: Facts, used: set[Place], selection: Selection) -> list[Diagnostic]:
    """Suppressions of rules that do not exist, and those that allow nothing."""
    spec = facts.spec
    places: dict[Place, str] = {}
    for name, _, pointer in facts.graph.meta.get("lint", ()):
        places[spec.document.file, pointer] = name
    for node in facts.graph.nodes:
        if node.lint:
            places.update(_of_node(spec, node))
    found = []
    for (file, pointer), name in places.items():
        rule = find_rule(name)
        document = spec.sources.get(file)
        span = document.nearest_span(pointer) if document is not None else None
        if rule is None:
            near = nearest(name, [known for r in RULES for known in (r.name, r.code)])
            help = f"did you mean {near!r}?" if near else "`vgspec rules` lists them"
            message = f"no rule is called {name!r}"
            found.append(codes.UNKNOWN_RULE.diagnostic(message, span=span, pointer=pointer, file=file, help=help))
        elif (file, pointer) not in used and selection.includes(rule):
            message = f"nothing here is found by {name}; this suppression is not needed"
            found.append(
                codes.UNUSED_SUPPRESSION.diagnostic(message, span=span, pointer=pointer, file=file, help="remove it")
            )
    return found
