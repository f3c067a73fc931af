"""Runs the rules over a spec: findings become diagnostics with places, suppressions are honoured and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from vgspec import codes
from vgspec.diagnostics import Diagnostic, Label, Severity, has_errors, nearest
from vgspec.frontend.findings import chain_notes
from vgspec.ir import Node, Origin
from vgspec.lint.facts import Facts
from vgspec.lint.places import argument_place, document_place, origin_of
from vgspec.lint.rule import Finding, Rule
from vgspec.lint.rules import RULES
from vgspec.source import ScalarNode
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
            allowed = [place for place, names in _allowances(facts, finding) if names in (rule.name, rule.code)]
            if allowed:
                used.update(allowed)
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
    found += _suppression_findings(facts, used, selection)
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
    """A node's suppressions.

    They come from the files of its expansion chain, and a node knows their pointers only: so every file that has
    this suppression at this place counts.
    """
    files = dict.fromkeys((spec.document.file, *(frame.file for frame in node.origin.chain), node.origin.file))
    for name, _, pointer in node.lint:
        for file in files:
            document = spec.sources.get(file)
            written = document.find(pointer) if document is not None else None
            if isinstance(written, ScalarNode) and written.value == name:
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
