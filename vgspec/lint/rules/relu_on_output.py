"""VG402: relu-on-output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.catalogue.meaning import Meaning
from vgspec.diagnostics import Applicability
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["ReluOnOutput"]


class ReluOnOutput(Rule):
    """A regression output passes through a rectifier.

    ## What it does

    Finds outputs of a few units behind ReLU, or another activation with a half-line of slope zero, where the loss
    takes any number. Losses for counts and other numbers that are not negative are left alone, as are models without
    a loss: their outputs may be features.

    ## Why is this bad?

    Where the score is negative the output is zero and passes no gradient, whatever the target is. An output unit whose
    score is negative for all inputs at first never learns; with one unit that is one run in two or three.

    ## Use instead

    A linear output; `softplus` or `exponential` where the target cannot be negative.

    ## Fix safety

    Unsafe: outputs can then be negative.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 6.2.2
    """

    code = "VG402"
    name = "relu-on-output"
    group = "dead-units"
    settings: ClassVar = {
        "units": Threshold(
            16.0, "units", "of more units than this some are alive; images with rectified outputs exist"
        ),
    }
    bad = (
        Example(
            "One rectified number",
            model(
                "- Dense: {units: 32, activation: relu}\n- Dense: {units: 1, activation: relu}",
                compile="optimizer: adam\nloss: mse",
            ),
            finds=("dense_1",),
        ),
        Example(
            "A ReLU layer behind the last convolution, which gives two coordinates",
            model(
                """
                - Conv2D: {filters: 16, kernel_size: 3, activation: relu}
                - GlobalAveragePooling2D
                - Dense: {units: 2}
                - ReLU
                """,
                inputs="image: {shape: [16, 16, 3]}",
                compile="""
                optimizer: adam
                loss: huber
                """,
            ),
            finds=("re_lu",),
        ),
    )
    good = (
        Example(
            "A linear output",
            model("- Dense: {units: 32, activation: relu}\n- Dense: {units: 1}", compile="optimizer: adam\nloss: mse"),
        ),
        Example(
            "softplus",
            model(
                "- Dense: {units: 32, activation: relu}\n- Dense: {units: 1, activation: softplus}",
                compile="optimizer: adam\nloss: mse",
            ),
        ),
        Example("Features without a loss", model("- Dense: {units: 8, activation: relu}")),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at every output with a regression loss."""
        for final in facts.finals:
            scalar = final.activation.scalar() if final.activation is not None else None
            if scalar is None or final.loss is None or final.loss.expects is not Meaning.REAL:
                continue
            if not scalar.curve.can_die or final.units is None or final.units > self.limit(facts, "units"):
                continue
            change = Change("set", final.node.id, "activation", "linear")
            own = hasattr(facts.layer(final.node), "activation")
            yield Finding(
                f"this output passes through {scalar.name}, and {final.loss.type_name} takes any number",
                node=final.node.id,
                argument="activation",
                help="use a linear output, or softplus if the target is never negative",
                proposals=(Proposal("make the output linear", (change,), Applicability.UNSAFE),) if own else (),
            )
