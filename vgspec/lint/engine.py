"""Runs the rules over a spec: findings become diagnostics with places, suppressions are honoured and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from vgspec import codes
from vgspec.diagnostics import Diagnostic, Label, Severity, has_errors, nearest
from vgspec.frontend.findings import chain_notes
from vgspec.ir import Graph, Origin
from vgspec.lint.facts import Facts
from vgspec.lint.rule import Finding, Rule
from vgspec.lint.rules import RULES
from vgspec.spec import Spec

__all__ = ["LintResult", "Selection", "find_rule", "lint"]


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


def lint(spec: Spec, *, selection: Selection = Selection(), settings: Mapping[str, float] | None = None) -> LintResult:
    """Run the rules over a loaded spec. A spec with errors gets these only: rules need the whole graph."""
    if spec.graph is None or has_errors(spec.diagnostics):
        return LintResult(spec, spec.diagnostics)
    facts = Facts(spec, _settings(settings or {}))
    reported: dict[tuple[str, str, str], Diagnostic] = {}
    instances: dict[tuple[str, str, str], int] = {}
    suppressed: list[Diagnostic] = []
    used: set[tuple[str, str]] = set()
    for rule in RULES:
        if not selection.includes(rule):
            continue
        for finding in rule().check(facts):
            diagnostic = _diagnostic(rule, finding, facts)
            allowed = _allowed(rule, finding, facts.graph)
            if allowed is not None:
                used.add(allowed)
                suppressed.append(diagnostic)
                continue
            key = (rule.code, diagnostic.file, diagnostic.pointer or diagnostic.message)
            instances[key] = instances.get(key, 0) + 1
            reported.setdefault(key, diagnostic)
    found = [
        item
        if instances[key] == 1
        else item.with_notes(f"the same in {instances[key] - 1} more expansions of this block")
        for key, item in reported.items()
    ]
    found += _unused_suppressions(spec, facts.graph, used, selection)
    ordered = sorted((*spec.diagnostics, *found), key=_document_order(spec))
    return LintResult(spec, tuple(ordered), tuple(suppressed))


def _settings(given: Mapping[str, float]) -> dict[str, float]:
    defaults = {f"{rule.name}.{key}": value for rule in RULES for key, value in rule.settings.items()}
    return defaults | dict(given)


def _document_order(spec: Spec) -> Callable[[Diagnostic], tuple[bool, str, int, str]]:
    def key(item: Diagnostic) -> tuple[bool, str, int, str]:
        start = item.span.start if item.span is not None else -1
        return (item.file != spec.document.file, item.file, start, item.code)

    return key


def _origin(finding: Finding, graph: Graph) -> Origin:
    if finding.origin is not None:
        return finding.origin
    if finding.node in graph.by_id:
        return graph.by_id[finding.node].origin
    if finding.node in graph.input_by_name:
        return graph.input_by_name[finding.node].origin
    return Origin()


def _diagnostic(rule: type[Rule], finding: Finding, facts: Facts) -> Diagnostic:
    origin = _origin(finding, facts.graph)
    labels = [Label(origin.span, "", primary=True)] if origin.span is not None else []
    for node_id, words in finding.related:
        place = _origin(replace(finding, node=node_id, origin=None), facts.graph)
        if place.span is not None and place.span != origin.span:
            labels.append(Label(place.span, words))
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


def _allowed(rule: type[Rule], finding: Finding, graph: Graph) -> tuple[str, str] | None:
    """The suppression that covers a finding, as (file, pointer)."""
    node = graph.by_id.get(finding.node)
    if node is None:
        entries = graph.meta.get("lint", ())
        file = ""
    else:
        entries, file = node.lint, node.origin.file
    for name, _, pointer in entries:
        if name in (rule.name, rule.code):
            return (file, pointer)
    return None


def _unused_suppressions(
    spec: Spec, graph: Graph, used: set[tuple[str, str]], selection: Selection
) -> list[Diagnostic]:
    found: dict[str, Diagnostic] = {}
    for node in graph.nodes:
        for name, _, pointer in node.lint:
            rule = find_rule(name)
            file = node.origin.file
            document = spec.sources.get(file)
            span = document.nearest_span(pointer) if document is not None else None
            if rule is None:
                near = nearest(name, [known for r in RULES for known in (r.name, r.code)])
                help = f"did you mean {near!r}?" if near else "`vgspec rules` lists them"
                found[pointer] = codes.UNKNOWN_RULE.diagnostic(
                    f"no rule is called {name!r}", span=span, pointer=pointer, file=file, help=help
                )
            elif not any(p == pointer for _, p in used) and selection.includes(rule):
                found[pointer] = codes.UNUSED_SUPPRESSION.diagnostic(
                    f"nothing here is found by {name}; this suppression is not needed",
                    span=span,
                    pointer=pointer,
                    file=file,
                    help="remove it",
                )
    return list(found.values())
