"""VG109: squashed-residual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.layers.base import Trait
from vgspec.lint.causes import saturates
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts, Stage

__all__ = ["SquashedResidual"]


class SquashedResidual(Rule):
    """A sigmoid or tanh stands behind residual additions, on the path that should be free.

    ## What it does

    Finds residual additions whose sum goes straight into a saturating activation, where this happens in three or more
    blocks. ReLU behind the addition, as in the first ResNets, is left alone, and so is a single activation at the end.

    ## Why is this bad?

    The point of a skip connection is a path on which the gradient is not multiplied by anything. With a saturating
    activation on it, every block multiplies by its slope, and the skip connections no longer help.

    ## Use instead

    Put the activation inside the branch, before its kernels (pre-activation).

    ## Fix safety

    Unsafe: relu in its place changes the function that the model computes. Moving it into the branch is better, and a
    design decision.

    ## References

    - He et al. 2016, Identity mappings in deep residual networks
    """

    code = "VG109"
    name = "squashed-residual"
    group = "vanishing"
    settings: ClassVar = {
        "blocks": Threshold(
            3.0,
            "blocks",
            "one or two such blocks are no depth; three sigmoids on a path leave a fiftieth of the gradient",
        ),
    }
    bad = (
        Example(
            "tanh behind every block",
            model(
                """
                - id: block
                  repeat: 4
                  body:
                    - residual: {body: [{Dense: {units: 64, activation: relu}}, {Dense: {units: 64}}]}
                    - Activation: {activation: tanh}
                - Dense: {units: 10}
                """
            ),
            finds=("block.0.activation",),
        ),
        Example(
            "Sums written by hand, a sigmoid behind each",
            model(
                """
                - {id: stem, Conv1D: {filters: 16, kernel_size: 3, padding: same}}
                - {id: a, Conv1D: {filters: 16, kernel_size: 3, padding: same, activation: relu}}
                - {id: sum_a, in: [a, stem], Add: {}}
                - {id: out_a, Activation: {activation: sigmoid}}
                - {id: b, Conv1D: {filters: 16, kernel_size: 3, padding: same, activation: relu}}
                - {id: sum_b, in: [b, out_a], Average: {}}
                - {id: out_b, Activation: {activation: sigmoid}}
                - {id: c, Conv1D: {filters: 16, kernel_size: 3, padding: same, activation: relu}}
                - {id: sum_c, in: [c, out_b], Add: {}}
                - {id: norm_c, BatchNormalization: {}}
                - {id: out_c, Activation: {activation: sigmoid}}
                - GlobalAveragePooling1D
                - Dense: {units: 10}
                """,
                inputs="series: {shape: [32, 4]}",
            ),
            finds=("out_a",),
        ),
    )
    good = (
        Example(
            "ReLU behind every block",
            model(
                """
                - id: block
                  repeat: 4
                  body:
                    - residual: {body: [{Dense: {units: 64, activation: relu}}, {Dense: {units: 64}}]}
                    - ReLU
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "tanh inside the branch",
            model(
                """
                - id: block
                  repeat: 4
                  body:
                    - residual: {body: [{Dense: {units: 64, activation: tanh}}, {Dense: {units: 64}}]}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look for saturating activations that read a sum."""
        found: list[Stage] = []
        for stage in facts.stages:
            if facts.has(stage.node, Trait.KERNEL) or not saturates(stage.activation) or facts.is_final(stage.node):
                continue
            for node in facts.back(stage.node, Trait.NORMALIZING, Trait.DROPOUT, Trait.IDENTITY):
                if facts.has(node, Trait.ADDITIVE):
                    found.append(stage)
        if len(found) < self.limit(facts, "blocks"):
            return
        names = "/".join(sorted({stage.activation.row.name for stage in found if stage.activation.row is not None}))
        changes = tuple(
            Change("set", stage.node.id, "activation", "relu")
            for stage in found
            if hasattr(facts.layer(stage.node), "activation")
        )
        yield Finding(
            f"{names} stands on the skip path of {len(found)} residual blocks",
            node=found[0].node.id,
            effect="vanishing",
            region=tuple(stage.node.id for stage in found),
            related=tuple((stage.node.id, "and here") for stage in found[1:3]),
            help="put the activation inside the branch, before its kernels",
            proposals=(Proposal("use relu", changes, Applicability.UNSAFE),) if changes else (),
            evidence=Evidence(
                "residual blocks with a saturating activation behind the sum",
                float(len(found)),
                self.limit(facts, "blocks"),
                tuple(stage.node.id for stage in found[:5]),
            ),
        )
