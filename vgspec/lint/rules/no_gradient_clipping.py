"""VG601: no-gradient-clipping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence, Severity
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["NoGradientClipping"]


class NoGradientClipping(Rule):
    """Gradients are predicted to be very large, and the optimizer takes them as they are.

    ## What it does

    Where the predicted norm of the gradient over all kernels exceeds ten thousand, it looks whether the optimizer
    clips. Optimizers that divide by the size of the gradient (Adam and its kin) do not need to.

    ## Why is this bad?

    A step of plain gradient descent is proportional to the gradient: the first one already throws the weights away.

    ## Use instead

    First mend what makes the gradient large; `global_clipnorm: 1.0` in the optimizer keeps single batches from doing
    harm.

    ## Fix safety

    Unsafe: training takes other steps. The model itself is not changed.

    ## References

    - Pascanu et al. 2013, On the difficulty of training recurrent neural networks
    """

    code = "VG601"
    name = "no-gradient-clipping"
    group = "optimisation"
    severity = Severity.INFO
    measured = True
    role = "consequence"
    settings: ClassVar = {
        "norm": Threshold(
            1e4, "norm of the gradient", "as for gradient-explodes: one step moves a kernel by about its own norm"
        ),
    }
    bad = (
        Example(
            "Large weights and plain gradient descent",
            model(
                """
                - repeat: 6
                  body:
                    - Dense: {units: 64, activation: relu, kernel_initializer: {VarianceScaling: {scale: 32.0}}}
                - Dense: {units: 1}
                """,
                compile="optimizer: sgd\nloss: mse",
            ),
            finds=("/compile/optimizer",),
            also=("gradient-explodes", "oversized-initializer", "first-step-too-long"),
        ),
        Example(
            "Convolutions whose gains multiply, and momentum",
            model(
                """
                - id: stage
                  repeat: 8
                  body:
                    - Conv2D:
                        filters: 32
                        kernel_size: 3
                        padding: same
                        activation: relu
                        kernel_initializer: {VarianceScaling: {scale: 32.0}}
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
                compile="""
                optimizer: {SGD: {learning_rate: 0.01, momentum: 0.9}}
                loss: {SparseCategoricalCrossentropy: {from_logits: true}}
                """,
            ),
            finds=("/compile/optimizer",),
            also=(
                "gradient-explodes",
                "oversized-initializer",
                "first-step-too-long",
            ),
        ),
    )
    good = (
        Example(
            "Weights that fit",
            model(
                """
                - repeat: 6
                  body:
                    - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 1}
                """,
                compile="optimizer: sgd\nloss: mse",
            ),
        ),
        Example(
            "An optimizer that divides by the gradient's size",
            model(
                """
                - repeat: 6
                  body:
                    - Dense: {units: 64, activation: relu, kernel_initializer: {VarianceScaling: {scale: 32.0}}}
                - Dense: {units: 1}
                """,
                compile="optimizer: adam\nloss: mse",
            ),
            also=("gradient-explodes", "oversized-initializer"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the optimizer where a gradient is large."""
        compiled = facts.compiled
        if compiled is None or compiled.optimizer.clips or all(part.adaptive for part in compiled.optimizer.parts()):
            return
        largest = facts.largest_kernel_gradient
        if largest is None or number(largest[0]) < self.limit(facts, "norm"):
            return
        optimizer = compiled.optimizer
        value = {optimizer.type_name: dict(optimizer.canonical()) | {"global_clipnorm": 1.0}}
        change = Change("set", pointer="/compile/optimizer", value=value)
        yield Finding(
            f"the gradient is predicted to reach {power(largest[0])}, and {optimizer.type_name} does not clip it",
            pointer="/compile/optimizer",
            effect="exploding",
            region=(largest[1],),
            related=((largest[1], "the largest gradient is here"),),
            help="mend what makes the gradient large, and add global_clipnorm: 1.0",
            evidence=Evidence(
                "norm of the gradient of a kernel",
                number(largest[0]),
                self.limit(facts, "norm"),
                (largest[1],),
            ),
            proposals=(Proposal("clip the gradient's norm to 1", (change,), Applicability.UNSAFE),),
        )
