"""VG203: unnormalised-residual-growth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.layers.base import Trait
from vgspec.lint.remedies import branches, normalize_branches
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.ir import Node
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

    Safe for branches of two kernels and more: the last one starts at zero; nothing but its first values changes. For
    others a layer normalization at the beginning of each branch and at the end of all, which is unsafe: the function
    is another one.

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
        Example(
            "Convolutions added to what they read, one after the other",
            model(
                """
                - Conv2D: {filters: 24, kernel_size: 3, padding: same, activation: relu}
                - id: stage
                  repeat: 24
                  body:
                    - parallel:
                        branches:
                          - - Conv2D:
                                filters: 24
                                kernel_size: 3
                                padding: same
                                kernel_initializer: he_normal
                                activation: elu
                          - []
                        merge: Add
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("stage.14.parallel.add",),
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
        """Look at what additions make of the signal since its size was last set."""
        limit, most = math.log10(self.limit(facts, "growth")), self.limit(facts, "merges")
        for node in facts.nodes_with(Trait.ADDITIVE):
            drift = facts.drift.get(node.id)
            if drift is None or drift.merges < most or drift.decades < limit:
                continue
            found = tuple(branches(facts))
            yield Finding(
                f"the signal has grown {power(drift.decades)} times over {drift.merges} residual additions without "
                f"normalization",
                node=node.id,
                effect="exploding",
                region=facts.lineage((node.id,)),
                help="normalize at the beginning of each branch, or start the last kernel of each branch at zero",
                proposals=(*self._zeros(facts, [branch for _, branch in found]), *normalize_branches(facts, found)),
                evidence=Evidence(
                    "size of the signal, relative to the last normalization",
                    number(drift.decades),
                    self.limit(facts, "growth"),
                    (node.id,),
                ),
            )
            return

    def _zeros(self, facts: Facts, found: Sequence[Sequence[Node]]) -> Iterator[Proposal]:
        """Zero weights at the end of each branch, as Fixup has it: for branches of several kernels.

        A branch of one kernel then gets the whole gradient of its sum, and all branches take the same step at once. A
        rectifier behind the zero kernel would keep it there for ever.
        """
        ends = []
        for branch in found:
            kernels = [node for node in branch if facts.has(node, Trait.KERNEL)]
            last = kernels[-1] if kernels else None
            if last is None or len(kernels) < 2 or not hasattr(facts.layer(last), "kernel_initializer"):
                return
            activation = facts.activation_after(last)
            scalar = activation.scalar() if activation is not None else None
            if activation is not None and (scalar is None or any(low < 0 <= high for low, high in scalar.curve.flat)):
                return
            ends.append(Change("set", last.id, "kernel_initializer", "zeros"))
        if ends:
            yield Proposal("start the end of each branch at zero", tuple(ends), Applicability.SAFE)
