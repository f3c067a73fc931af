"""One finding for one cause: the same mistake in many layers, and an effect beside the mistakes that bring it about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vgspec.diagnostics import Cause, Diagnostic, Label, Severity
from vgspec.lint.facts import Facts
from vgspec.lint.places import origin_of
from vgspec.lint.rule import Finding, Proposal, Rule
from vgspec.lint.words import listed

__all__ = ["GRAVITY", "Raised", "covered", "gather", "joined"]

GRAVITY = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
"""The gravest first."""
_ROLES = ("effect", "cause", "consequence")
_SHOWN = 3

Place = tuple[str, str]
"""A suppression: its file and its pointer there."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A finding with its rule, and what users see of it.

    Attributes:
        rule: the rule.
        finding: what it found.
        diagnostic: the same for users.
        nodes: the nodes it is about; several once findings are joined.
        allowed: the suppressions that hold for it.
    """

    rule: type[Rule]
    finding: Finding
    diagnostic: Diagnostic
    nodes: tuple[str, ...] = ()
    allowed: tuple[Place, ...] = ()

    @property
    def role(self) -> str:
        """Whether it states an effect, names a cause, or says what follows."""
        return self.finding.role or self.rule.role


def joined(raised: Iterable[Raised]) -> list[Raised]:
    """Findings of one rule at one place of the text, in several expansions of a block, as one."""
    return [
        _as_one(
            items,
            f"the same in {len(items) - 1} more expansion{'s' if len(items) > 2 else ''} of this block",
            items[0].diagnostic.labels,
        )
        for items in _by(raised, lambda r: (r.rule.code, r.diagnostic.file, r.diagnostic.pointer or r.finding.message))
    ]


def gather(facts: Facts, raised: Iterable[Raised]) -> list[Raised]:
    """Findings by cause: places joined, layers with the same mistake joined, causes put under their effect."""
    return _under_effects(facts, _alike(facts, joined(raised)))


def covered(effects: Sequence[Raised], others: Sequence[Raised]) -> list[Raised]:
    """Those of ``others`` that only name a cause of one of the ``effects``."""
    stated = [(item.finding.effect, set(item.finding.region)) for item in effects if item.role == "effect"]

    def inside(finding: Finding) -> bool:
        return any(effect == finding.effect and not region.isdisjoint(finding.region) for effect, region in stated)

    return [item for item in others if item.role != "effect" and inside(item.finding)]


def _by(raised: Iterable[Raised], key: object) -> list[list[Raised]]:
    assert callable(key)
    groups: dict[object, list[Raised]] = {}
    for item in raised:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _alike(facts: Facts, raised: Iterable[Raised]) -> list[Raised]:
    """The same mistake in several layers of one type, as one finding."""

    def key(item: Raised) -> object:
        finding, node = item.finding, facts.graph.by_id.get(item.finding.node)
        if node is None or finding.pointer or not item.rule.repeats:
            return item.diagnostic.file, item.diagnostic.pointer, item.rule.code, finding.message
        kind = facts.layer(node).type_name
        return item.rule.code, item.diagnostic.severity, item.diagnostic.file, kind, finding.alike or finding.message

    found = []
    for items in _by(raised, key):
        if len(items) == 1:
            found.append(items[0])
            continue
        names = [item.finding.node for item in items[1:]]
        labels = list(items[0].diagnostic.labels)
        for item in items[1 : 1 + _SHOWN]:
            span = item.diagnostic.span
            if span is not None and span not in {label.span for label in labels}:
                labels.append(Label(span, "here too"))
        note = f"the same in {len(names)} more layer{'s' if len(names) > 1 else ''}: {listed(names, _SHOWN)}"
        instances = len({name for item in items for name in item.nodes})
        if instances > len(items):
            note += f"; {instances} instances in all, with every expansion of their blocks"
        found.append(_as_one(items, note, tuple(labels)))
    return found


def _as_one(items: list[Raised], note: str, labels: tuple[Label, ...]) -> Raised:
    """The first of several findings, about the nodes of all and with fixes for all."""
    first = items[0]
    if len(items) == 1:
        return first
    nodes = tuple(dict.fromkeys(name for item in items for name in item.nodes))
    region = tuple(dict.fromkeys(name for item in items for name in item.finding.region))
    finding = first.finding._replace(proposals=_for_all(items), region=region)
    diagnostic = replace(first.diagnostic.with_notes(note), labels=labels, nodes=nodes)
    return replace(first, finding=finding, diagnostic=diagnostic, nodes=nodes)


def _for_all(items: list[Raised]) -> tuple[Proposal, ...]:
    """The proposals that every finding makes, each with the changes for all of them."""
    found = []
    for number, proposal in enumerate(items[0].finding.proposals):
        same = [item.finding.proposals[number] for item in items if len(item.finding.proposals) > number]
        if len(same) == len(items) and all(p.applicability is proposal.applicability for p in same):
            changes = tuple(dict.fromkeys(change for p in same for change in p.changes))
            titles = {p.title for p in same}
            title = proposal.title if len(titles) == 1 else " / ".join(sorted(titles)[:_SHOWN])
            found.append(proposal._replace(title=title, changes=changes))
    return tuple(found)


def _under_effects(facts: Facts, raised: list[Raised]) -> list[Raised]:
    """An effect with the findings that name its causes put under it; causes without an effect under the gravest."""
    owner: dict[tuple[str, str], int] = {}
    root = list(range(len(raised)))

    def top(number: int) -> int:
        while root[number] != number:
            number = root[number]
        return number

    for number, item in enumerate(raised):
        if item.finding.effect:
            for name in item.finding.region:
                other = owner.setdefault((item.finding.effect, name), number)
                root[top(number)] = top(other)
    groups: dict[int, list[Raised]] = {}
    for number, item in enumerate(raised):
        groups.setdefault(top(number), []).append(item)
    return [_put_under(facts, items) if len(items) > 1 else items[0] for items in groups.values()]


def _put_under(facts: Facts, items: list[Raised]) -> Raised:
    ordered = sorted(items, key=lambda r: (_ROLES.index(r.role), GRAVITY[r.diagnostic.severity], r.rule.code))
    first, rest = ordered[0], ordered[1:]
    labels = list(first.diagnostic.labels)
    loud = [item for item in rest if item.diagnostic.severity is not Severity.INFO]
    notes = []
    for item in loud or rest[:1]:
        word = "because" if item.role == "cause" else "and"
        notes.append(f"{word} {item.diagnostic.message} ({item.rule.code} {item.rule.name})")
        span = item.diagnostic.span or origin_of(facts.graph, item.finding.node).span
        if span is not None and item.role == "cause" and span not in {label.span for label in labels}:
            labels.append(Label(span, item.rule.name.replace("-", " ")))
    causes = tuple(
        Cause(d.code, d.name, d.severity, d.message, d.pointer, d.node) for d in (item.diagnostic for item in rest)
    )
    specific = [item.finding for item in rest if item.role == "cause"]
    help = next((finding.help for finding in specific if finding.help), "") or first.finding.help
    proposals = [p for finding in specific for p in finding.proposals]
    given = [p.changes for p in proposals]  # values may be mappings, which cannot be hashed
    own = [p for p in first.finding.proposals if p.changes not in given]
    others = [p for item in rest if item.role != "cause" for p in item.finding.proposals]
    severity = min((item.diagnostic.severity for item in ordered), key=GRAVITY.__getitem__)
    diagnostic = replace(
        first.diagnostic,
        labels=tuple(labels),
        notes=(*notes, *first.diagnostic.notes),
        help=help,
        causes=causes,
        severity=severity,
    )
    return replace(first, diagnostic=diagnostic, finding=first.finding._replace(proposals=(*proposals, *own, *others)))
