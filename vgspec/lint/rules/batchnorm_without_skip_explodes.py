"""VG205: batchnorm-without-skip-explodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["BatchnormWithoutSkipExplodes"]


class BatchnormWithoutSkipExplodes(Rule):
    """A deep stack with batch normalization and without skip connections lets the gradient explode.

    ## What it does

    Predicts the norm of the gradient at both ends of chains with many batch normalizations that nothing goes around,
    and reports growth of seventy times or more.

    ## Why is this bad?

    Each layer of batch normalization and ReLU multiplies the mean square of the gradient by about π/(π−1), its size
    by 1.21: after 22 layers by 70. Batch normalization sets the size of the signal, not that of the gradient.

    ## Use instead

    Residual connections around every two or three layers.

    ## Fix safety

    There is no automatic fix: where a skip connection goes is a choice.

    ## References

    - Yang et al. 2019, A mean field theory of batch normalization, section 3
    """

    code = "VG205"
    name = "batchnorm-without-skip-explodes"
    group = "exploding"
    measured = True
    settings: ClassVar = {
        "growth": Threshold(
            70.0,
            "times",
            "run-time tools warn at 70; MobileNet v1, 27 layers deep and without skips, grows 25 times and trains",
        ),
        "layers": Threshold(
            12.0, "layers", "the growth is 1.21 a layer in theory: over fewer layers, something else is at work"
        ),
    }
    bad = (
        Example(
            "Thirty layers",
            model(
                """
                - repeat: 30
                  body: [{Dense: {units: 64, use_bias: false}}, BatchNormalization, ReLU]
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.0.dense",),
        ),
        Example(
            "Forty convolutions, and the ReLU before the normalization",
            model(
                """
                - id: stage
                  repeat: 40
                  body:
                    - Conv2D: {filters: 32, kernel_size: 3, padding: same, activation: relu}
                    - BatchNormalization
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("stage.0.conv2d",),
            also=("gradient-explodes",),
        ),
    )
    good = (
        Example(
            "Thirty layers with skip connections",
            model(
                """
                - repeat: 15
                  body:
                    - residual:
                        body:
                          - repeat: 2
                            body: [{Dense: {units: 64, use_bias: false}}, BatchNormalization, ReLU]
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Twelve layers",
            model(
                """
                - repeat: 12
                  body: [{Dense: {units: 64, use_bias: false}}, BatchNormalization, ReLU]
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at every chain that no other path goes around."""
        cut = (Trait.MERGING, Trait.RECURRENT, Trait.ATTENTION)
        for chain in facts.runs_without(*cut):
            layers = [node for node in chain if facts.has(node, Trait.BATCH_STATISTICS)]
            if len(layers) < self.limit(facts, "layers"):
                continue
            stretch = facts.stretch(chain)
            if stretch is None or stretch.bypassed or stretch.gradient < 0:
                continue
            if number(stretch.gradient) < self.limit(facts, "growth"):
                continue
            yield Finding(
                f"{len(layers)} batch normalizations without a skip connection let the gradient grow "
                f"{power(stretch.gradient)} times",
                node=stretch.nodes[0].id,
                effect="exploding",
                region=tuple(node.id for node in stretch.nodes),
                related=((chain[-1].id, "the stack ends here"),),
                help="wrap every two or three layers in a residual connection",
                evidence=Evidence(
                    "norm of the gradient before the stack, relative to after it",
                    number(stretch.gradient),
                    self.limit(facts, "growth"),
                    tuple(node.id for node in layers[:5]),
                ),
            )
