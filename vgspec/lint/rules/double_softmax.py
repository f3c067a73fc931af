"""VG708: double-softmax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.diagnostics import Applicability
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["DoubleSoftmax"]


class DoubleSoftmax(Rule):
    """A softmax or sigmoid is applied to probabilities.

    ## What it does

    Finds a softmax or sigmoid behind another one, with nothing but reshaping or dropout between.

    ## Why is this bad?

    Probabilities lie between 0 and 1, so the second softmax gives almost equal numbers for all classes: for ten classes
    never more than 0.23. The loss cannot become small, and the gradient is a small part of what it should be.

    ## Use instead

    One of the two.

    ## Fix safety

    Unsafe: the model's output changes.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 6.2.2.3
    """

    code = "VG708"
    name = "double-softmax"
    group = "structure"
    bad = (
        Example(
            "As an argument and as a layer",
            model("- Dense: {units: 10, activation: softmax}\n- Softmax"),
            finds=("softmax",),
        ),
        Example(
            "Class scores of every pixel, reshaped between",
            model(
                """
                - Conv2D: {filters: 4, kernel_size: 1}
                - Activation: {activation: softmax}
                - Reshape: {target_shape: [256, 4]}
                - Activation: {activation: softmax}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("activation_1",),
        ),
    )
    good = (
        Example("One of them", model("- Dense: {units: 10}\n- Softmax")),
        Example(
            "A kernel between",
            model("- Dense: {units: 32, activation: sigmoid}\n- Dense: {units: 10, activation: softmax}"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look before every activation that stands alone and gives probabilities."""
        for stage in facts.stages:
            row = stage.activation.row
            if row is None or not row.meaning.probabilities or not facts.has(stage.node, Trait.ACTIVATION):
                continue
            for node in facts.back(stage.node, Trait.RESHAPING, Trait.DROPOUT, Trait.IDENTITY):
                first = facts.activation(node)
                if first is None or first.row is None:
                    continue
                if first.row.meaning.probabilities:
                    change = Change("set", node.id, "activation", "linear")
                    own = facts.has(node, Trait.KERNEL)
                    yield Finding(
                        f"{row.name} is applied to what is already the output of {first.row.name}",
                        node=stage.node.id,
                        related=((node.id, f"{first.row.name} here"),),
                        help="keep one of the two",
                        proposals=(Proposal("keep the second", (change,), Applicability.UNSAFE),) if own else (),
                    )
                break
