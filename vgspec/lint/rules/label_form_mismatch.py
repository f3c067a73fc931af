"""VG502: label-form-mismatch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["LabelFormMismatch"]

SPARSE = frozenset({"SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "SparseCategoricalCrossentropy"})
"""Metrics that take class numbers."""
ONE_HOT = frozenset({"CategoricalAccuracy", "TopKCategoricalAccuracy", "CategoricalCrossentropy"})
"""Metrics that take one-hot vectors."""


class LabelFormMismatch(Rule):
    """Loss and metric of one output need labels of different forms.

    ## What it does

    Compares the labels that the loss takes (class numbers, or one-hot vectors) with those that the metrics of the same
    output take.

    ## Why is this bad?

    One set of labels cannot suit both: the metric shows a wrong number, or training stops with an error about shapes.

    ## Use instead

    `accuracy`, which looks at the labels, or the metric of the loss's own form: `sparse_categorical_accuracy` with
    `sparse_categorical_crossentropy`.

    ## Fix safety

    There is no automatic fix: it depends on the labels which of the two is wrong.

    ## References

    - Keras documentation, Accuracy metrics
    """

    code = "VG502"
    name = "label-form-mismatch"
    group = "loss-and-output"
    bad = (
        Example(
            "Class numbers for the loss, vectors for the metric",
            model(
                "- Dense: {units: 10, activation: softmax}",
                compile="""
                optimizer: adam
                loss: sparse_categorical_crossentropy
                metrics: [categorical_accuracy]
                """,
            ),
            finds=("/compile/metrics",),
        ),
        Example(
            "One of two outputs: vectors for the loss, class numbers for the metric",
            model(
                """
                - {id: trunk, Dense: {units: 32, activation: relu}}
                - {id: kind, in: trunk, Dense: {units: 5, activation: softmax}}
                - {id: size, in: trunk, Dense: {units: 1}}
                """,
                after="outputs: [kind, size]",
                compile="""
                optimizer: adam
                loss: {kind: categorical_crossentropy, size: mse}
                metrics: {kind: [sparse_categorical_accuracy], size: [mae]}
                """,
            ),
            finds=("/compile/metrics",),
        ),
    )
    good = (
        Example(
            "The same form",
            model(
                "- Dense: {units: 10, activation: softmax}",
                compile="""
                optimizer: adam
                loss: sparse_categorical_crossentropy
                metrics: [sparse_categorical_accuracy, sparse_top_k_categorical_accuracy]
                """,
            ),
        ),
        Example(
            "Accuracy by shape",
            model(
                "- Dense: {units: 10, activation: softmax}",
                compile="optimizer: adam\nloss: categorical_crossentropy\nmetrics: [accuracy]",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the loss of every output with its metrics."""
        if facts.compiled is None:
            return
        from vgspec.catalogue.losses import Labels

        for final in facts.finals:
            if final.loss is None or final.loss.labels not in (Labels.INTEGER, Labels.ONE_HOT):
                continue
            for metric in facts.compiled.metrics_of(final.output.name):
                name = metric.type_name
                form = Labels.INTEGER if name in SPARSE else Labels.ONE_HOT if name in ONE_HOT else None
                if form is None or form is final.loss.labels:
                    continue
                yield Finding(
                    f"{name} takes {form}, and the loss {final.loss.type_name} takes {final.loss.labels}",
                    pointer="/compile/metrics",
                    help="use the metric that goes with the loss, or accuracy",
                )
                break
