"""VG206: oversized-initializer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence
from vgspec.lint.causes import fitting, misfits, refit, saturates
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model
from vgspec.lint.words import factor, number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["OversizedInitializer"]


class OversizedInitializer(Rule):
    """The first weights of a hidden layer are far too large.

    ## What it does

    Compares the exact scale of a kernel (fan-in times the second moment of the initializer) with what the activation
    behind it needs. It reports kernels with more than four times that before an activation that saturates, with more
    than ten times that before any other, and with more than twice that where signal or gradient grow by two orders of
    magnitude over the stack, or the signal does so up to the next normalization. Layers with a normalization behind
    them are left alone.

    ## Why is this bad?

    A saturating activation starts on its flat ends, where it has no slope. A rectifier multiplies the signal, and the
    gradient, by that factor in every layer: the first steps of training are far too long.

    ## Use instead

    An initializer that knows the fan-in: `he_normal`, `glorot_uniform`, or `VarianceScaling`.

    ## Fix safety

    Safe: only the first values of the weights change. Where a stack of saturating layers stays sick with any weights,
    ReLU is offered, which is unsafe.

    ## References

    - LeCun et al. 1998, Efficient backprop, section 4.6
    - Mishkin and Matas 2016, All you need is a good init
    """

    code = "VG206"
    name = "oversized-initializer"
    group = "exploding"
    measured = True
    settings: ClassVar = {
        "ratio": Threshold(
            4.0,
            "times the fitting scale",
            "more than any rule of the literature gives any layer, and enough to saturate an activation",
        ),
        "several": Threshold(
            2.0,
            "times the fitting scale",
            "where the stack grows by the threshold `growth`, twice in each layer is the cause",
        ),
        "growth": Threshold(
            100.0, "times", "two orders of magnitude over the stack, where the large kernels together are the cause"
        ),
        "alone": Threshold(
            10.0,
            "times the fitting scale",
            "networks that train well have single layers nearly so large (squeeze-excite in EfficientNetV2)",
        ),
    }
    bad = (
        Example(
            "Deviation 1 in layers of 64",
            model(
                """
                - repeat: 3
                  body: [{Dense: {units: 64, activation: relu, kernel_initializer: {RandomNormal: {stddev: 1.0}}}}]
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.0.dense",),
            also=("gradient-explodes",),
        ),
        Example(
            "tanh pushed onto its flat ends",
            model(
                """
                - Dense: {units: 256, activation: tanh, kernel_initializer: {RandomUniform: {minval: -1, maxval: 1}}}
                - Dense: {units: 10}
                """,
                inputs="x: {shape: [256]}",
            ),
            finds=("dense",),
        ),
    )
    good = (
        Example(
            "Large weights, but normalized",
            model(
                """
                - Dense: {units: 64, use_bias: false, kernel_initializer: {RandomNormal: {stddev: 1.0}}}
                - LayerNormalization
                - ReLU
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Deviation 1 with few inputs",
            model(
                """
                - Dense: {units: 8, activation: relu, kernel_initializer: {RandomNormal: {stddev: 1.0}}}
                - Dense: {units: 1}
                """,
                inputs="x: {shape: [4]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the kernels of every stretch."""
        for stretch in facts.stretches:
            ahead = (facts.drift[node.id].ahead for node in stretch.kernels if node.id in facts.drift)
            growth = max(stretch.gradient, stretch.activation, *ahead, 0.0)
            grown = number(growth) >= self.limit(facts, "growth")
            limit = self.limit(facts, "several" if grown else "ratio")
            alone = limit if grown else self.limit(facts, "alone")
            large = [
                item
                for item in misfits(facts, stretch, ends=True)
                if item.ratio > (limit if item.activation is not None and saturates(item.activation) else alone)
            ]
            if not large:
                continue
            first = large[0]
            better = fitting(first.activation)
            name = first.activation.name if first.activation is not None else "a linear layer"
            also = f", as in {len(large) - 1} more layers of this stack" if len(large) > 1 else ""
            notes = []
            if first.activation is not None and saturates(first.activation):
                notes.append(f"{name} gets inputs of deviation {factor(first.kernel.scale or 0.0)}, where it is flat")
            elif growth > 1:
                notes.append(f"up to the next normalization, or the end, it grows {power(growth)} times")
            yield Finding(
                f"the weights start with {factor(first.ratio)} times the scale that {name} needs{also}",
                node=first.kernel.node.id,
                effect="exploding",
                region=tuple(item.kernel.node.id for item in large),
                argument=first.kernel.argument,
                alike=f"{first.kernel.weight.initializer.canonical()} {name}",
                related=tuple((item.kernel.node.id, f"{factor(item.ratio)} times here") for item in large[1:4]),
                notes=tuple(notes),
                help=f"use {better}",
                evidence=Evidence(
                    "scale of the kernel, relative to what the activation needs",
                    first.ratio,
                    limit,
                    tuple(item.kernel.node.id for item in sorted(large, key=lambda item: -item.ratio)[:5]),
                ),
                proposals=tuple(refit(facts, [item.kernel for item in large])),
            )
