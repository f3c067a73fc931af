"""VG105: no-normalization-in-deep-stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence, Severity
from vgspec.lint.causes import named_cause
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["NoNormalizationInDeepStack"]


class NoNormalizationInDeepStack(Rule):
    """The size of the activations drifts away over many layers, and nothing sets it anew.

    ## What it does

    Compares the predicted size of the activations at both ends of a chain of layers without normalization. Where
    another rule names the cause (the scale of the weights, saturating activations) this one only informs.

    ## Why is this bad?

    Each layer multiplies the size of the signal by a factor. Without normalization the factors accumulate: the signal
    fades until biases are all that is left, or grows until it saturates or overflows.

    ## Use instead

    A `BatchNormalization` or `LayerNormalization` behind every kernel or every block, or weights whose scale keeps the
    signal (`he_normal` for rectifiers).

    ## Fix safety

    Unsafe: layer normalization behind every layer changes the function that the model computes. It is offered where it
    is predicted to help.

    ## References

    - Ioffe and Szegedy 2015, Batch normalization
    - Ba et al. 2016, Layer normalization
    """

    code = "VG105"
    name = "no-normalization-in-deep-stack"
    group = "vanishing"
    measured = True
    settings: ClassVar = {
        "kernels": Threshold(10.0, "layers with a kernel", "below that a better initializer is the plainer remedy"),
        "drift": Threshold(3000.0, "times", "more than that of VGG-19 with Keras's default initializer, which trains"),
    }
    bad = (
        Example(
            "Forty gelu layers",
            model(
                """
                - {repeat: 40, body: [{Dense: {units: 64, activation: gelu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.0.dense",),
            also=("no-skip-in-deep-stack", "forward-signal-vanishes"),
        ),
        Example(
            "A signal that grows, convolution by convolution",
            model(
                """
                - id: trunk
                  repeat: 24
                  body:
                    - Conv1D:
                        filters: 32
                        kernel_size: 3
                        padding: same
                        activation: leaky_relu
                        kernel_initializer: {VarianceScaling: {scale: 4.0}}
                - GlobalAveragePooling1D
                - Dense: {units: 10}
                """,
                inputs="series: {shape: [64, 8]}",
            ),
            finds=("trunk.0.conv1d",),
            also=(
                "gradient-explodes",
                "initializer-activation-mismatch",
            ),
        ),
    )
    good = (
        Example(
            "Twenty of them with layer normalization",
            model(
                """
                - repeat: 20
                  body:
                    - Dense: {units: 64, activation: gelu, kernel_initializer: he_normal}
                    - LayerNormalization
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Weights that keep the size of the signal",
            model(
                """
                - {repeat: 20, body: [{Dense: {units: 64, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the activations over every chain."""
        limit = self.limit(facts, "drift")
        for stretch in facts.stretches:
            drift = stretch.activation
            if len(stretch.kernels) < self.limit(facts, "kernels") or number(abs(drift)) < limit:
                continue
            way = f"shrinks to {power(drift)} of its size" if drift < 0 else f"grows {power(drift)} times"
            worst = sorted(stretch.edges, key=lambda edge: edge.activation if drift < 0 else -edge.activation)
            yield Finding(
                f"the signal {way} over {len(stretch.kernels)} layers without normalization",
                node=stretch.nodes[0].id,
                effect="vanishing" if drift < 0 else "exploding",
                region=tuple(node.id for node in stretch.nodes),
                related=((stretch.nodes[-1].id, "the stack ends here"),),
                help="normalize behind every layer or block, or use weights whose scale keeps the signal",
                evidence=Evidence(
                    "size of the signal after the stack, relative to before it",
                    number(drift),
                    1.0 / limit if drift < 0 else limit,
                    tuple(edge.node for edge in worst[:5]),
                ),
                severity=Severity.INFO if named_cause(facts, stretch) else None,
                proposals=(
                    Proposal(
                        "normalize behind every layer",
                        tuple(Change("insert-after", n.id, value="LayerNormalization") for n in stretch.kernels),
                        Applicability.UNSAFE,
                    ),
                ),
            )
