"""VG721: normalization-twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.diagnostics import Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["NormalizationTwice"]


class NormalizationTwice(Rule):
    """One normalization directly behind another of the same kind.

    ## What it does

    Finds normalization layers whose only input is what a layer of the same type with the same axis has just
    normalized, with nothing but dropout, noise or reshaping between.

    ## Why is this bad?

    The second one finds mean and variance as they should be, and hardly changes anything. It costs time, and the scale
    of the first has no effect. Often it is what is left of a layer that was removed.

    ## Use instead

    One of the two.

    ## Fix safety

    There is no automatic fix: which of the two is meant is not known.

    ## References

    - Ioffe and Szegedy 2015, Batch normalization; Ba et al. 2016, Layer normalization
    """

    code = "VG721"
    name = "normalization-twice"
    group = "structure"
    severity = Severity.INFO
    bad = (
        Example(
            "Two layer normalizations",
            model(
                "- Dense: {units: 32, activation: relu}\n- LayerNormalization\n- Dropout: {rate: 0.1}\n"
                "- LayerNormalization\n- Dense: {units: 10}"
            ),
            finds=("layer_normalization_1",),
        ),
        Example(
            "Every block ends as the next one begins",
            model(
                """
                - id: stage
                  repeat: 3
                  body:
                    - BatchNormalization
                    - ReLU
                    - Conv2D: {filters: 16, kernel_size: 3, use_bias: false}
                    - BatchNormalization
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("stage.1.batch_normalization",),
        ),
    )
    good = (
        Example(
            "A sum between",
            model(
                """
                - Dense: {units: 32, activation: relu}
                - LayerNormalization
                - residual: {body: [{Dense: {units: 32, activation: relu}}, LayerNormalization]}
                - LayerNormalization
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Two kinds: one over the batch, one over the channels",
            model("- Dense: {units: 32}\n- BatchNormalization\n- LayerNormalization\n- ReLU\n- Dense: {units: 10}"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look in front of every normalization."""
        for node in facts.nodes_with(Trait.NORMALIZING):
            layer = facts.layer(node)
            before = list(facts.back(node, Trait.DROPOUT, Trait.NOISE, Trait.IDENTITY))
            first = before[-1] if before else None
            if first is None or not facts.has(first, Trait.NORMALIZING):
                continue
            other = facts.layer(first)
            if other.type_name == layer.type_name and getattr(other, "axis", None) == getattr(layer, "axis", None):
                yield Finding(
                    f"{layer.type_name} is applied to what {layer.type_name} has just normalized",
                    node=node.id,
                    related=((first.id, "normalized here"),),
                    help="keep one of the two",
                )
