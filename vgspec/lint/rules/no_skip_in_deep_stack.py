"""VG104: no-skip-in-deep-stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence, Severity
from vgspec.lint.causes import named_cause
from vgspec.lint.remedies import add_residuals
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["NoSkipInDeepStack"]


class NoSkipInDeepStack(Rule):
    """A deep stack loses its gradient, and there is no skip connection for it to go around.

    ## What it does

    Looks at chains of many layers with kernels that no other path goes around, with no normalization between, and
    compares the predicted norm of the gradient at both ends. Depth alone is no finding. Where another rule names the
    cause (saturating activations, the scale of the weights) this one only informs.

    ## Why is this bad?

    The gradient at the first layer is a product with one factor for every layer. Whatever the factor is, it is taken
    to the power of the depth. A skip connection adds a path whose factor is one.

    ## Use instead

    Wrap every two or three layers in `residual`, or put a normalization layer behind each kernel.

    ## Fix safety

    Unsafe: a residual connection, with a layer normalization in its branch, changes the function that the model
    computes. It is offered for stacks that are written in one list, where it is predicted to help.

    ## References

    - He et al. 2016, Deep residual learning for image recognition
    - Veit et al. 2016, Residual networks behave like ensembles of relatively shallow networks
    """

    code = "VG104"
    name = "no-skip-in-deep-stack"
    group = "vanishing"
    measured = True
    settings: ClassVar = {
        "kernels": Threshold(10.0, "layers with a kernel", "below that a better initializer is the plainer remedy"),
        "loss": Threshold(3000.0, "times", "VGG-19 with Keras's default initializer loses a factor of 1400 and trains"),
    }
    bad = (
        Example(
            "Thirty layers of which each keeps three quarters of the gradient",
            model(
                """
                - {repeat: 40, body: [{Dense: {units: 64, activation: gelu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.0.dense",),
            also=("no-normalization-in-deep-stack", "forward-signal-vanishes"),
        ),
        Example(
            "Two dozen convolutions that narrow the gradient",
            model(
                """
                - id: trunk
                  repeat: 30
                  body: [{Conv2D: {filters: 16, kernel_size: 3, padding: same, activation: silu}}]
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("trunk.0.conv2d",),
            also=(
                "no-normalization-in-deep-stack",
                "forward-signal-vanishes",
                "gradient-vanishes",
            ),
        ),
    )
    good = (
        Example(
            "The same with skip connections",
            model(
                """
                - id: block
                  repeat: 20
                  body:
                    - residual:
                        body:
                          - LayerNormalization
                          - {repeat: 2, body: [{Dense: {units: 64, activation: gelu, kernel_initializer: he_normal}}]}
                - LayerNormalization
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Thirty plain layers that keep the gradient",
            model(
                """
                - {repeat: 30, body: [{Dense: {units: 64, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the gradient over every chain that nothing goes around."""
        limit = self.limit(facts, "loss")
        for stretch in facts.stretches:
            if stretch.bypassed or len(stretch.kernels) < self.limit(facts, "kernels"):
                continue
            if stretch.gradient > 0 or number(-stretch.gradient) < limit:
                continue
            worst = sorted(stretch.edges, key=lambda edge: edge.gradient)
            yield Finding(
                f"{len(stretch.kernels)} layers without a skip connection shrink the gradient to "
                f"{power(stretch.gradient)} of its size",
                node=stretch.nodes[0].id,
                effect="vanishing",
                region=tuple(node.id for node in stretch.nodes),
                related=((stretch.nodes[-1].id, "the stack ends here"),),
                help="wrap every two or three layers in a residual connection, or normalize between them",
                evidence=Evidence(
                    "norm of the gradient before the stack, relative to after it",
                    number(stretch.gradient),
                    1.0 / limit,
                    tuple(edge.node for edge in worst[:5]),
                ),
                severity=Severity.INFO if named_cause(facts, stretch) else None,
                proposals=tuple(add_residuals(facts, stretch.nodes)),
            )
