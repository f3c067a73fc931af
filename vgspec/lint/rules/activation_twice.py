"""VG705: activation-twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.catalogue.meaning import Meaning
from vgspec.diagnostics import Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.catalogue.activations import Activation
    from vgspec.lint.facts import Facts

__all__ = ["ActivationTwice"]


class ActivationTwice(Rule):
    """One activation directly behind another.

    ## What it does

    Finds an activation applied to what another activation has made, with nothing but reshaping or dropout between.
    Two that give probabilities have a rule of their own. Where the second changes nothing (relu behind relu), it only
    informs.

    ## Why is this bad?

    The second does nothing, or the first takes away what the second needs: softmax behind relu can
    no longer tell the negative scores apart and starts with half of its gradient gone. Mostly a layer has its
    activation both as an argument and as a layer.

    ## Use instead

    One of the two.

    ## Fix safety

    There is no automatic fix: only the author knows which of the two was meant.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 6.2
    """

    code = "VG705"
    name = "activation-twice"
    group = "structure"
    bad = (
        Example(
            "As an argument and as a layer",
            model("- Dense: {units: 32, activation: relu}\n- ReLU\n- Dense: {units: 10}"),
            finds=("re_lu",),
        ),
        Example(
            "softmax behind relu",
            model(
                "- Dense: {units: 10, activation: relu}\n- Activation: {activation: softmax}",
                compile="optimizer: adam\nloss: categorical_crossentropy",
            ),
            finds=("activation",),
        ),
        Example(
            "sigmoid behind tanh in every block, with dropout between",
            model(
                """
                - id: block
                  repeat: 2
                  body:
                    - Conv1D: {filters: 16, kernel_size: 3, activation: tanh}
                    - Dropout: {rate: 0.1}
                    - Activation: {activation: sigmoid}
                - GlobalAveragePooling1D
                - Dense: {units: 10}
                """,
                inputs="series: {shape: [32, 4]}",
            ),
            finds=("block.0.activation",),
        ),
    )
    good = (
        Example("One of them", model("- Dense: {units: 32}\n- ReLU\n- Dense: {units: 10}")),
        Example(
            "Bounded scores that become weights",
            model(
                """
                - {id: scores, in: x, Dense: {units: 64, activation: tanh}}
                - {id: weights, Softmax: {}}
                - {in: [x, weights], Multiply: {}}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "A sum between",
            model(
                """
                - residual: {body: [{Dense: {units: 64, activation: relu}}]}
                - ReLU
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look before every activation that stands alone."""
        stages = {stage.node.id: stage for stage in facts.stages}
        for stage in facts.stages:
            if not facts.has(stage.node, Trait.ACTIVATION) or stage.activation.row is None:
                continue
            for node in facts.back(stage.node, Trait.RESHAPING, Trait.DROPOUT, Trait.IDENTITY):
                first = stages.get(node.id)
                if first is None or first.activation.row is None:
                    continue
                if first.activation.row.meaning.probabilities and stage.activation.row.meaning.probabilities:
                    break
                if stage.activation.row.meaning is Meaning.DISTRIBUTION and not facts.is_output(stage.node):
                    break  # weights for something: scores of an attention may be bounded
                idle = _idle(first.activation, stage.activation)
                yield Finding(
                    f"{stage.activation.row.name} is applied to what {first.activation.row.name} has made",
                    node=stage.node.id,
                    notes=("the second changes nothing",) if idle else (),
                    severity=Severity.INFO if idle else None,
                    related=((node.id, f"{first.activation.row.name} here"),),
                    help="keep one of the two",
                )
                break


def _idle(first: Activation, second: Activation) -> bool:
    """Whether the second of two activations changes nothing: a rectifier behind the same rectifier."""
    one, other = first.scalar(), second.scalar()
    return one is not None and one == other and not one.arguments and one.name in ("relu", "relu6", "hard_tanh")
