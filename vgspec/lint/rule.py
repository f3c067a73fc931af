"""What a rule is: one stateless class in one file, whose docstring is its page and whose examples are its tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from vgspec.diagnostics import Applicability, Evidence, Severity

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["Change", "Example", "Finding", "Proposal", "Rule", "Threshold", "model", "model_text"]


def model(
    layers: str, *, inputs: str = "x: {shape: [64]}", compile: str = "", before: str = "", after: str = ""
) -> Callable[[], str]:
    """A small spec for examples, put together when somebody reads it: see `model_text`."""
    return partial(model_text, layers, inputs=inputs, compile=compile, before=before, after=after)


def model_text(
    layers: str, *, inputs: str = "x: {shape: [64]}", compile: str = "", before: str = "", after: str = ""
) -> str:
    """The text of a small spec.

    Args:
        layers: the items, one or more lines each.
        inputs: the lines under ``inputs``.
        compile: the lines under ``compile``; no such section where it is empty.
        before: sections before the inputs.
        after: sections after the layers.
    """
    from textwrap import dedent, indent

    def section(name: str, body: str) -> str:
        return f"{name}:\n{indent(dedent(body).strip(), '  ')}\n" if body else ""

    def whole(text: str) -> str:
        return f"{dedent(text).strip()}\n" if text else ""

    return (
        'vgspec: "1"\n'
        f"{whole(before)}{section('inputs', inputs)}{section('layers', layers)}{whole(after)}"
        f"{section('compile', compile)}"
    )


class Example(NamedTuple):
    """A spec that shows a rule.

    Attributes:
        title: what it shows, a few words.
        source: YAML text, or what gives it.
        finds: for a bad example, what the findings of this rule are about, in order: ids of nodes, and
            JSON pointers where it is no node's.
        also: names of other rules that rightly speak up too.
        params: values of the spec's parameters.
    """

    title: str
    source: str | Callable[[], str]
    finds: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    params: tuple[tuple[str, object], ...] = ()

    @property
    def spec(self) -> str:
        """YAML text."""
        return self.source if isinstance(self.source, str) else self.source()


class Change(NamedTuple):
    """An edit of the document in its own terms; `vgspec.lint.fixes` turns it into text edits.

    Attributes:
        kind: ``set`` (an argument or a setting), ``insert-after`` and ``insert-before`` (a layer behind, or in front
            of, the node's item), ``make-residual`` (the list at ``pointer`` becomes the body of a residual connection,
            normalized first) or ``wrap-residual`` (the same for ``value`` items from the one at ``pointer`` on).
        node: id of the node whose item is changed; or empty, with ``pointer``.
        argument: for ``set``, the name of the layer's argument.
        value: plain data; for ``insert-after`` and ``insert-before`` the item; for
            ``wrap-residual`` the number of items.
        pointer: for ``set`` without a node, the place of the value, whether there is one yet or not.
    """

    kind: str
    node: str = ""
    argument: str = ""
    value: object = None
    pointer: str = ""


class Proposal(NamedTuple):
    """A remedy: changes of the document, and who may apply them."""

    title: str
    changes: tuple[Change, ...]
    applicability: Applicability


class Finding(NamedTuple):
    """What a rule found.

    Attributes:
        message: one sentence in plain words, without a final full stop.
        node: id of the node or model input it is about; or empty, with ``pointer``.
        argument: the argument of the node's layer to point at, where the spec gives it.
        pointer: a place that is no node's (an output, the compile section), or the nearest that exists above it.
        file: the file of ``pointer``; the document's own by default.
        related: further places as (node id, words).
        notes: further facts.
        help: the next step.
        evidence: the number.
        proposals: remedies, best first; the engine offers the first that it can prove.
        severity: overrides the rule's.
        alike: findings of a rule in layers of one type are one cause if this is the same; by default the message.
        effect: ``vanishing`` or ``exploding``, where the finding states such an effect or names a cause of one.
        region: ids of the nodes in which effect or cause lies; two findings with one effect and a common node are one.
        role: overrides the rule's.
    """

    message: str
    node: str = ""
    argument: str = ""
    pointer: str = ""
    file: str = ""
    related: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    help: str = ""
    evidence: Evidence | None = None
    proposals: tuple[Proposal, ...] = ()
    severity: Severity | None = None
    alike: str = ""
    effect: str = ""
    region: tuple[str, ...] = ()
    role: str = ""


class Threshold(NamedTuple):
    """A limit from which on a rule speaks up.

    Attributes:
        default: its value unless the settings give another; greater than 0, as every value must be.
        unit: what it counts or is a multiple of, a few words.
        reason: why it is so and not otherwise, without a final full stop.
    """

    default: float
    unit: str
    reason: str


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
    repeats: ClassVar[bool] = True
    """Whether the same finding in several layers is one cause; not so where each place is a slip of its own."""
    role: ClassVar[str] = "cause"
    """``effect`` for what happens to signal or gradient: rules that name its ``cause`` come under it, as do those that
    say what it leads to (``consequence``)."""
    bad: ClassVar[Sequence[Example]] = ()
    good: ClassVar[Sequence[Example]] = ()
    settings: ClassVar[Mapping[str, Threshold]] = {}
    """Thresholds by name; the settings may change each."""

    def limit(self, facts: Facts, key: str) -> float:
        """The value of one of the rule's settings."""
        return facts.settings.get(f"{self.name}.{key}", self.settings[key].default)

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Yield what is wrong with the model that ``facts`` describes."""
        raise NotImplementedError(type(self).__name__)
