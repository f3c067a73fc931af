"""VG801: over-regularized."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from vgspec.diagnostics import Evidence
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["OverRegularized"]


class OverRegularized(Rule):
    """A penalty on the weights so strong that it decides about them, not the data.

    ## What it does

    Finds kernels with an L2 penalty of 0.1 or more, or an L1 penalty of 0.05 or more, and a weight decay of 0.5 or more
    in the optimizer.

    ## Why is this bad?

    The gradient of the penalty is larger than that of the loss: the weights shrink to zero, and with them the gradient
    for everything before.

    ## Use instead

    1e-5 to 1e-2.

    ## Fix safety

    There is no automatic fix: how strong a penalty should be is found by trial.

    ## References

    - Krogh and Hertz 1991, A simple weight decay can improve generalization
    """

    code = "VG801"
    name = "over-regularized"
    group = "regularization"
    settings: ClassVar = {
        "l2": Threshold(
            0.1,
            "factor of the penalty",
            "a hundred times the usual 1e-3: the penalty outweighs the loss from the start",
        ),
        "l1": Threshold(
            0.05,
            "factor of the penalty",
            "the penalty on Glorot weights of a wide layer outweighs the loss from the start",
        ),
        "decay": Threshold(
            0.5, "weight decay", "more than the strongest published recipes have (0.3 for vision transformers)"
        ),
    }
    bad = (
        Example(
            "L2 of 0.5",
            model("- Dense: {units: 64, activation: relu, kernel_regularizer: {L2: {l2: 0.5}}}\n- Dense: {units: 10}"),
            finds=("dense",),
        ),
        Example(
            "An L1 penalty on convolutions, and a weight decay that was meant as a factor to keep",
            model(
                """
                - Conv1D: {filters: 16, kernel_size: 3, activation: relu, kernel_regularizer: {L1: {l1: 0.1}}}
                - GlobalAveragePooling1D
                - Dense: {units: 1}
                """,
                inputs="series: {shape: [32, 4]}",
                compile="""
                optimizer: {AdamW: {weight_decay: 0.99}}
                loss: mse
                """,
            ),
            finds=(
                "conv1d",
                "/compile/optimizer/AdamW/weight_decay",
            ),
        ),
    )
    good = (
        Example(
            "Keras's default",
            model("- Dense: {units: 64, activation: relu, kernel_regularizer: l2}\n- Dense: {units: 10}"),
        ),
        Example(
            "AdamW as in GPT",
            model("- Dense: {units: 10}", compile="optimizer: {AdamW: {weight_decay: 0.1}}\nloss: mse"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at every penalty on a kernel, and at the optimizer."""
        for node in facts.first_calls_given("kernel_regularizer"):
            layer: Any = facts.layer(node)
            penalty = layer.kernel_regularizer
            for kind in ("l2", "l1"):
                strength = getattr(penalty, kind, 0.0) if penalty is not None else 0.0
                if strength >= self.limit(facts, kind):
                    yield Finding(
                        f"an {kind.upper()} penalty of {strength:g} outweighs the loss",
                        node=node.id,
                        argument="kernel_regularizer",
                        help="use 1e-5 to 1e-2",
                        evidence=Evidence("strength of the penalty", strength, self.limit(facts, kind), (node.id,)),
                    )
        for part in facts.compiled.optimizer.parts() if facts.compiled is not None else ():
            decay = part.weight_decay or 0.0
            if decay >= self.limit(facts, "decay"):
                yield Finding(
                    f"a weight decay of {decay:g} outweighs the loss",
                    pointer=f"/compile/optimizer/{part.type_name}/weight_decay",
                    help="use 1e-4 to 1e-1",
                    evidence=Evidence("weight decay", decay, self.limit(facts, "decay")),
                )
