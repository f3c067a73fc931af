"""VG203: unnormalised-residual-growth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["UnnormalisedResidualGrowth"]


class UnnormalisedResidualGrowth(Rule):
    """Residual blocks without normalization add up until the signal is hundreds of times too large.

    ## What it does

    Follows the predicted size of the signal along chains of residual additions, and reports a chain over which it
    grows three hundred times or more with nothing that sets it anew.

    ## Why is this bad?

    A branch that keeps the size of its input doubles the mean square with every addition: growth is exponential in the
    number of blocks, and so is that of the gradient.

    ## Use instead

    Normalize at the beginning of each branch (then growth is only that of a square root), start the last kernel of
    each branch at zero, or scale branches down.

    ## Fix safety

    Safe: the last kernel of each branch starts at zero; nothing but its first values changes. Offered where every
    addition joins one branch that ends in a kernel to a path that does not.

    ## References

    - Zhang et al. 2019, Fixup initialization: residual learning without normalization
    - De and Smith 2020, Batch normalization biases residual blocks towards the identity function
    """

    code = "VG203"
    name = "unnormalised-residual-growth"
    group = "exploding"
    measured = True
    settings: ClassVar = {
        "growth": Threshold(
            300.0,
            "times",
            "sixteen doublings of the mean square; pre-normalised networks grow 10 times in a hundred blocks",
        ),
        "merges": Threshold(
            4.0, "additions", "over fewer additions it is their branches that are too large, not their number"
        ),
    }
    bad = (
        Example(
            "Twenty plain residual blocks",
            model(
                """
                - id: block
                  repeat: 20
                  body:
                    - residual:
                        body:
                          - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                          - Dense: {units: 64}
                - Dense: {units: 10}
                """
            ),
            finds=("block.16.residual.add",),
            also=("gradient-explodes",),
        ),
    )
    good = (
        Example(
            "Normalized branches",
            model(
                """
                - id: block
                  repeat: 20
                  body:
                    - residual:
                        body:
                          - LayerNormalization
                          - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                          - Dense: {units: 64}
                - LayerNormalization
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Branches that start at zero",
            model(
                """
                - id: block
                  repeat: 20
                  body:
                    - residual:
                        body:
                          - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                          - Dense: {units: 64, kernel_initializer: zeros}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Follow the stream from its last reset through the additions."""
        limit, most = math.log10(self.limit(facts, "growth")), self.limit(facts, "merges")
        start: dict[str, tuple[float, int]] = {}
        for item in facts.graph.inputs:
            size = facts.profile.by_id[item.name].log10_activation if item.name in facts.profile.by_id else None
            if size is not None and math.isfinite(size):
                start[item.name] = (size, 0)
        for node in facts.graph.nodes:
            record = facts.profile.by_id.get(node.id)
            size = record.log10_activation if record is not None else None
            if size is None or not math.isfinite(size):
                continue
            before = [start[ref.node] for ref in node.refs() if ref.node in start]
            if not before or facts.has(node, Trait.NORMALIZING, Trait.EMBEDDING, Trait.RECURRENT, Trait.ATTENTION):
                start[node.id] = (size, 0)
                continue
            low, merges = min(item[0] for item in before), max(item[1] for item in before)
            merges += facts.has(node, Trait.ADDITIVE)
            start[node.id] = (low, merges)
            if facts.has(node, Trait.ADDITIVE) and merges >= most and size - low >= limit:
                yield Finding(
                    f"the signal has grown {power(size - low)} times over {merges} residual additions without "
                    f"normalization",
                    node=node.id,
                    help="normalize at the beginning of each branch, or start the last kernel of each branch at zero",
                    proposals=tuple(self._zeros(facts)),
                    evidence=Evidence(
                        "size of the signal, relative to the last normalization",
                        number(size - low),
                        self.limit(facts, "growth"),
                        (node.id,),
                    ),
                )
                return

    def _zeros(self, facts: Facts) -> Iterator[Proposal]:
        """Zero weights at the end of each branch, as Fixup has it."""
        changes = []
        for node in facts.nodes_with(Trait.ADDITIVE):
            ends = [before for before in facts.producers(node) if facts.has(before, Trait.KERNEL)]
            if len(ends) == 1 and hasattr(facts.layer(ends[0]), "kernel_initializer"):
                changes.append(Change("set", ends[0].id, "kernel_initializer", "zeros"))
        if changes:
            yield Proposal("start the end of each branch at zero", tuple(changes), Applicability.SAFE)
