"""What an item of a list sees, and how items are named."""

from __future__ import annotations

from dataclasses import dataclass, field

from vgspec.diagnostics import Span
from vgspec.frontend.builder import Outcome, Suppressions
from vgspec.frontend.library import Library
from vgspec.frontend.values import FAILED, Environment, Failed
from vgspec.ir import Argument, Ref
from vgspec.layers.naming import snake_case
from vgspec.source import MappingNode, ScalarNode, SequenceNode, SNode, pointer_join

__all__ = ["Scope", "bundle", "outcome_of", "snake_case", "span_of", "suppressions", "text_of"]


@dataclass(slots=True)
class Scope:
    """What an item sees: ids of its own list and the ones around it, up to the block's border.

    Attributes:
        library: whose blocks and shared layers can be named.
        env: names for expressions, and the expansion chain.
        node_prefix: path of the list; ids of nodes begin with it.
        key_prefix: the same for layers; differs inside a shared block.
        ids: what is defined here.
        parent: the scope around, unless this is a block's or the document's own.
        lint: suppressions that hold for everything inside.
    """

    library: Library
    env: Environment
    node_prefix: str = ""
    key_prefix: str = ""
    ids: dict[str, Outcome] = field(default_factory=dict)
    parent: Scope | None = None
    lint: Suppressions = ()

    def find(self, name: str) -> Outcome | Failed:
        """What an id stands for; `FAILED` if nothing visible has it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.ids:
                return scope.ids[name]
            scope = scope.parent
        return FAILED

    def visible(self) -> list[str]:
        """Every id that can be referred to here."""
        names = list(self.ids)
        return names if self.parent is None else names + self.parent.visible()

    def nested(self, name: str, *, env: Environment | None = None, lint: Suppressions = ()) -> Scope:
        """A scope for a list inside this one."""
        return Scope(
            self.library,
            env or self.env,
            f"{self.node_prefix}{name}.",
            f"{self.key_prefix}{name}.",
            parent=self,
            lint=self.lint + lint,
        )


def suppressions(node: SNode | None, pointer: str) -> Suppressions:
    """The suppressions that a ``lint`` key holds, as (rule, reason, pointer)."""
    if isinstance(node, SequenceNode):
        return tuple(s for i, item in enumerate(node.items) for s in suppressions(item, pointer_join(pointer, i)))
    if not isinstance(node, MappingNode):
        return ()
    allow, reason = node.get("allow"), text_of(node.get("reason")) or ""
    if not isinstance(allow, SequenceNode):
        return ()
    return tuple(
        (text, reason, pointer_join(pointer, "allow", i))
        for i, item in enumerate(allow.items)
        if (text := text_of(item)) is not None
    )


def text_of(node: SNode | None) -> str | None:
    """The string that a scalar is, or None."""
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else None


def span_of(node: SNode | None) -> Span | None:
    """The span of a node, if it has one."""
    return None if node is None else node.span


def bundle(outcome: Outcome) -> Argument:
    """The argument that a value becomes: one ref, or several outputs as a tuple."""
    if outcome is None:
        return FAILED
    return outcome[0] if len(outcome) == 1 else outcome


def outcome_of(argument: Argument) -> Outcome:
    """The value that an argument is, if it is one."""
    if isinstance(argument, Ref):
        return (argument,)
    if isinstance(argument, tuple) and all(isinstance(item, Ref) for item in argument):
        return argument
    return None
