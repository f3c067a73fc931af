"""VG504: accuracy-with-regression-loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.catalogue.meaning import Meaning
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["AccuracyWithRegressionLoss"]


class AccuracyWithRegressionLoss(Rule):
    """Accuracy is measured on an output of plain numbers that a regression loss trains.

    ## What it does

    Finds outputs without a sigmoid or softmax, trained with a loss for plain numbers (squared or absolute error and
    their kin), for which the compile section asks for a metric of accuracy.

    ## Why is this bad?

    One of the two is wrong. If the output says which class an example has, a squared error is the wrong loss: it
    punishes scores that are right by a wide margin, and has no notion of classes. If it predicts a quantity, accuracy
    counts how often the prediction equals the target to the last digit, or lies on the same side of 0.5.

    ## Use instead

    A cross-entropy with `from_logits: true` for classes; `mae`, `root_mean_squared_error` or `r2_score` as the metric
    for quantities.

    ## Fix safety

    There is no automatic fix: only the author knows which of the two the output is.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 6.2.2
    - Keras documentation, Accuracy metrics
    """

    code = "VG504"
    name = "accuracy-with-regression-loss"
    group = "loss-and-output"
    bad = (
        Example(
            "Ten scores under a squared error",
            model("- Dense: {units: 10}", compile="optimizer: sgd\nloss: mse\nmetrics: [accuracy]"),
            finds=("/compile/metrics",),
        ),
        Example(
            "A quantity that is to be exactly right",
            model(
                "- Dense: {units: 32, activation: relu}\n- Dense: {units: 1}",
                compile="optimizer: adam\nloss: mae\nmetrics: [mse, accuracy]",
            ),
            finds=("/compile/metrics",),
        ),
    )
    good = (
        Example(
            "An error as the metric",
            model("- Dense: {units: 1}", compile="optimizer: sgd\nloss: mse\nmetrics: [mae]"),
        ),
        Example(
            "A cross-entropy as the loss",
            model(
                "- Dense: {units: 10}",
                compile=(
                    "optimizer: sgd\nloss: {SparseCategoricalCrossentropy: {from_logits: true}}\nmetrics: [accuracy]"
                ),
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the metrics of every output that a regression loss trains."""
        for final in facts.finals:
            loss = final.loss
            if loss is None or loss.expects is not Meaning.REAL or loss.labels.name != "SAME":
                continue
            row = final.activation.row if final.activation is not None else None
            if (final.activation is not None and row is None) or (row is not None and row.meaning.probabilities):
                continue
            named = [m for m in facts.compiled.metrics_of(final.output.name) if "ccuracy" in m.type_name]
            if not named:
                continue
            yield Finding(
                f"accuracy says nothing of an output that {loss.type_name} trains to be a number",
                pointer="/compile/metrics",
                related=((final.node.id, "this output"),),
                help="for classes, use a cross-entropy as the loss; for quantities, a metric such as mae",
            )
