"""Follows aliases, within a budget: a tree with placeholders → a tree with copies that say so."""

from __future__ import annotations

from dataclasses import replace

from vgspec import codes
from vgspec.diagnostics import Span
from vgspec.source.builder import Builder, Stop
from vgspec.source.document import pointer_join
from vgspec.source.nodes import MappingNode, ScalarNode, SequenceNode, SNode

__all__ = ["expand_aliases"]


def expand_aliases(root: SNode, aliases: dict[int, tuple[ScalarNode, SNode]], builder: Builder) -> SNode:
    """``root`` with each placeholder replaced by a copy of the node that it stands for.

    The copies and the originals are marked `aliased`, since their text serves in several places.

    Raises:
        Stop: if following them makes the document too large or too deep (recorded in ``builder``).
    """
    return _Expander(aliases, builder).expand(root, "", 0, None, False)


class _Expander:
    def __init__(self, aliases: dict[int, tuple[ScalarNode, SNode]], builder: Builder) -> None:
        self._aliases = aliases
        self._targets = {id(target) for _, target in aliases.values()}
        self._builder = builder
        self._added = 0

    def _too_much(self, message: str, node: SNode, via: Span | None, pointer: str) -> Stop:
        help = "reuse layers with `shared` or a block instead of aliases"
        return self._builder.stop(
            codes.LIMIT_EXCEEDED.diagnostic(message, span=via or node.span, pointer=pointer, help=help)
        )

    def expand(self, node: SNode, pointer: str, depth: int, via: Span | None, aliased: bool) -> SNode:
        """``node`` with its aliases followed; recursion is bounded by the limit on depth."""
        limits = self._builder.limits
        found = self._aliases.get(id(node)) if isinstance(node, ScalarNode) else None
        if found is not None:
            return self.expand(found[1], pointer, depth, via or node.span, True)
        aliased = aliased or id(node) in self._targets
        if via is not None:
            self._added += 1
            if self._added > limits.max_alias_nodes:
                message = f"following its aliases adds more than {limits.max_alias_nodes} nodes to the document"
                raise self._too_much(message, node, via, pointer)
        if isinstance(node, ScalarNode):
            return replace(node, aliased=True, via=via) if aliased else node
        if depth >= limits.max_depth:
            message = f"the document is nested more than {limits.max_depth} deep, its aliases followed"
            raise self._too_much(message, node, via, pointer)
        if isinstance(node, SequenceNode):
            items = tuple(
                self.expand(item, pointer_join(pointer, i), depth + 1, via, aliased)
                for i, item in enumerate(node.items)
            )
            return SequenceNode(items, node.span, aliased, via)
        entries = tuple(
            (
                replace(key, aliased=True, via=via) if aliased else key,
                self.expand(value, pointer_join(pointer, str(key.value)), depth + 1, via, aliased),
            )
            for key, value in node.entries
        )
        return MappingNode(entries, node.span, aliased, via)
