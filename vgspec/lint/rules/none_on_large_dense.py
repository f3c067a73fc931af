"""VG802: none-on-large-dense."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence, Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["NoneOnLargeDense"]


class NoneOnLargeDense(Rule):
    """Millions of fully connected weights, and nothing regularizes them.

    ## What it does

    Finds fully connected hidden layers of more than four million weights in models with a compile section that have
    neither dropout, noise, batch normalization, augmentation, penalties nor weight decay anywhere.

    ## Why is this bad?

    Such a layer can learn small data sets by heart.

    ## Use instead

    Dropout before or behind it, `AdamW`, or a `kernel_regularizer`.

    ## Fix safety

    There is no automatic fix: which kind fits is a choice.

    ## References

    - Srivastava et al. 2014, Dropout
    """

    code = "VG802"
    name = "none-on-large-dense"
    group = "regularization"
    severity = Severity.INFO
    settings: ClassVar = {
        "weights": Threshold(
            4e6, "weights", "a layer of 2,000 by 2,000: it can learn tens of thousands of examples by heart"
        ),
    }
    bad = (
        Example(
            "Four thousand by two thousand",
            model(
                "- Dense: {units: 2048, activation: relu}\n- Dense: {units: 10}",
                inputs="x: {shape: [4096]}",
                compile="optimizer: adam\nloss: {SparseCategoricalCrossentropy: {from_logits: true}}",
            ),
            finds=("dense",),
        ),
        Example(
            "Flattened maps of a small convolutional network",
            model(
                """
                - Conv2D: {filters: 32, kernel_size: 3, activation: relu, kernel_initializer: he_normal}
                - MaxPooling2D
                - Flatten
                - Dense: {units: 1024, activation: relu}
                - Dense: {units: 10, activation: softmax}
                """,
                inputs="image: {shape: [30, 30, 3]}",
                compile="""
                optimizer: rmsprop
                loss: categorical_crossentropy
                """,
            ),
            finds=("dense",),
        ),
    )
    good = (
        Example(
            "With dropout",
            model(
                "- Dense: {units: 2048, activation: relu}\n- Dropout: {rate: 0.5}\n- Dense: {units: 10}",
                inputs="x: {shape: [4096]}",
                compile="optimizer: adam\nloss: {SparseCategoricalCrossentropy: {from_logits: true}}",
            ),
        ),
        Example(
            "With weight decay",
            model(
                "- Dense: {units: 2048, activation: relu}\n- Dense: {units: 10}",
                inputs="x: {shape: [4096]}",
                compile="optimizer: adamw\nloss: {SparseCategoricalCrossentropy: {from_logits: true}}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look for large kernels where nothing regularizes."""
        if facts.compiled is None or any(part.weight_decay for part in facts.compiled.optimizer.parts()):
            return
        helpful = (Trait.DROPOUT, Trait.NOISE, Trait.BATCH_STATISTICS, Trait.AUGMENTATION)
        for node in facts.nodes:
            layer = facts.layer(node)
            if facts.has(node, *helpful) or getattr(layer, "dropout", None):
                return
            if any(getattr(layer, f"{name}_regularizer", None) for name in ("kernel", "activity")):
                return
        for kernel in facts.kernels:
            sizes = [size for size in kernel.weight.shape if isinstance(size, int)]
            weights = math.prod(sizes)
            if len(sizes) != 2 or weights < self.limit(facts, "weights") or facts.is_final(kernel.node):
                continue
            if not facts.has(kernel.node, Trait.KERNEL):
                continue
            yield Finding(
                f"this layer has {weights / 1e6:.0f} million weights, and nothing in the model regularizes",
                node=kernel.node.id,
                help="add dropout, weight decay (adamw) or a kernel_regularizer",
                evidence=Evidence("weights", float(weights), self.limit(facts, "weights"), (kernel.node.id,)),
            )
            return
