"""Remedies that several rules propose: residual connections around layers, normalization at the head of branches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vgspec.diagnostics import Applicability
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Proposal

if TYPE_CHECKING:
    from vgspec.ir import Node
    from vgspec.lint.facts import Facts

__all__ = ["add_residuals", "branches", "normalize_branches"]


def add_residuals(facts: Facts, chain: Sequence[Node]) -> Iterator[Proposal]:
    """Residual connections along a chain of layers that is written in the document itself.

    The body of a repeat becomes one; in any other list each kernel gets one together with what follows it, if these
    keep the shape.
    """
    inside = {node.id for node in chain}
    changes: list[Change] = []
    for place in dict.fromkeys(_list_of(node) for node in chain if facts.has(node, Trait.KERNEL)):
        file, pointer = place
        if file != facts.spec.document.file or "/residual/" in pointer:
            continue
        if not pointer.endswith("/body"):
            changes += _wraps(facts, [node for node in chain if _list_of(node) == place])
        elif not any(n.origin.pointer.startswith(f"{pointer}/") for n in facts.graph.nodes if n.id not in inside):
            changes.append(Change("make-residual", pointer=pointer))
    if changes:
        several = "" if len(changes) == 1 else "s"
        changes += _at_the_end(facts, chain[-1])
        title = f"add {'' if several else 'a '}residual connection{several} with layer normalization"
        yield Proposal(title, tuple(changes), Applicability.UNSAFE)


def _list_of(node: Node) -> tuple[str, str]:
    return node.origin.file, node.origin.pointer.rpartition("/")[0]


def _wraps(facts: Facts, chain: Sequence[Node]) -> Iterator[Change]:
    """A change for each kernel of a chain that keeps the shape, with the layers up to the next kernel."""
    starts = [i for i, node in enumerate(chain) if facts.has(node, Trait.KERNEL)]
    for begin, end in zip(starts, [*starts[1:], len(chain)], strict=True):
        first, last = chain[begin], chain[end - 1]
        numbers = [node.origin.pointer.rpartition("/")[2] for node in chain[begin:end]]
        if numbers != [str(int(numbers[0]) + i) for i in range(len(numbers))]:
            continue
        if facts.inputs(first)[0].shape == last.outputs[0].shape:
            yield Change("wrap-residual", pointer=first.origin.pointer, value=end - begin)


def branches(facts: Facts) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Every residual addition with the nodes of its branch, in order: what reads the shortcut's value up to the sum."""
    for node in facts.nodes_with(Trait.ADDITIVE):
        ends = set(facts.graph.sources[node.id])
        for end in facts.producers(node):
            branch = [end]
            while (before := facts.only_producer(branch[0])) is not None and before.id not in ends:
                branch.insert(0, before)
            sources = set(facts.graph.sources[branch[0].id])
            if len(sources) == 1 and sources <= ends and end.id not in sources:
                yield node, tuple(branch)


def _at_the_end(facts: Facts, last: Node) -> Iterator[Change]:
    """A layer normalization where a residual stream ends, unless one is there, or nothing follows.

    The stream is a sum of as many terms as it has branches; what reads it, and the gradient that enters it, would be
    larger by its square root (Xiong et al. 2020, On layer normalization in the transformer architecture).
    """
    readers = facts.consumers(last)
    if not readers or any(facts.has(node, Trait.NORMALIZING) for node in readers):
        return
    pointer = last.origin.pointer.partition("/body/")[0].removesuffix("/residual")
    if last.origin.file == facts.spec.document.file:
        yield Change("insert-after", pointer=pointer, value="LayerNormalization")


def normalize_branches(facts: Facts, found: Sequence[tuple[Node, Sequence[Node]]]) -> Iterator[Proposal]:
    """A layer normalization at the head of each branch that has none and changes the signal, and one at the end."""
    changes = [
        Change("insert-before", branch[0].id, value="LayerNormalization")
        for _, branch in found
        if any(facts.has(node, Trait.KERNEL) for node in branch) and not facts.has(branch[0], Trait.NORMALIZING)
    ]
    if changes:
        changes += _at_the_end(facts, found[-1][0])
        yield Proposal("normalize at the beginning of each branch", tuple(changes), Applicability.UNSAFE)
