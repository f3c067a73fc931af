"""VG605: weight-decay-twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vgspec.diagnostics import Severity
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["WeightDecayTwice"]


class WeightDecayTwice(Rule):
    """Weights decay by the optimizer and by an L2 penalty of their layer.

    ## What it does

    Finds kernels with an L2 penalty in a model whose optimizer has weight decay (as AdamW does by default).

    ## Why is this bad?

    Both pull the same weights to zero, by two mechanisms: with an adaptive optimizer the penalty's part is divided by
    the size of the gradient, and the decay's is not. Nobody can tell which of the two numbers does what.

    ## Use instead

    One of them; with Adam and its kin the weight decay of the optimizer.

    ## Fix safety

    There is no automatic fix: which of the two is meant is not known.

    ## References

    - Loshchilov and Hutter 2019, Decoupled weight decay regularization
    """

    code = "VG605"
    name = "weight-decay-twice"
    group = "optimisation"
    severity = Severity.INFO
    bad = (
        Example(
            "AdamW and an L2 penalty",
            model(
                "- Dense: {units: 32, activation: relu, kernel_regularizer: l2}\n- Dense: {units: 10}",
                compile="optimizer: adamw\nloss: mse",
            ),
            finds=("dense",),
        ),
        Example(
            "Convolutions of a block with both penalties, and SGD that decays",
            model(
                """
                - id: stage
                  repeat: 2
                  body:
                    - Conv1D:
                        filters: 16
                        kernel_size: 3
                        activation: relu
                        kernel_regularizer: {L1L2: {l1: 1e-5, l2: 1e-4}}
                - GlobalAveragePooling1D
                - Dense: {units: 10}
                """,
                inputs="series: {shape: [32, 4]}",
                compile="""
                optimizer: {SGD: {learning_rate: 0.01, weight_decay: 1e-4}}
                loss: {SparseCategoricalCrossentropy: {from_logits: true}}
                """,
            ),
            finds=("stage.0.conv1d",),
        ),
    )
    good = (
        Example(
            "Adam and an L2 penalty",
            model(
                "- Dense: {units: 32, activation: relu, kernel_regularizer: l2}\n- Dense: {units: 10}",
                compile="optimizer: adam\nloss: mse",
            ),
        ),
        Example(
            "AdamW and an L1 penalty, which wants zeros",
            model(
                "- Dense: {units: 32, activation: relu, kernel_regularizer: l1}\n- Dense: {units: 10}",
                compile="optimizer: adamw\nloss: mse",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look for L2 penalties where the optimizer decays."""
        parts = tuple(facts.compiled.optimizer.parts()) if facts.compiled is not None else ()
        decaying = next((part for part in parts if part.weight_decay), None)
        if decaying is None:
            return
        for node in facts.first_calls_given("kernel_regularizer"):
            layer: Any = facts.layer(node)
            penalty = layer.kernel_regularizer
            if penalty is not None and getattr(penalty, "l2", None):
                yield Finding(
                    f"the weights decay twice: by this penalty, and by the weight decay of "
                    f"{decaying.weight_decay:g} of {decaying.type_name}",
                    node=node.id,
                    argument="kernel_regularizer",
                    help="keep one of the two; with Adam and its kin the weight decay of the optimizer",
                )
