"""VG303: undersized-initializer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence, Severity
from vgspec.lint.causes import Misfit, fitting, misfits, refit
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model
from vgspec.lint.words import factor, number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["UndersizedInitializer"]


class UndersizedInitializer(Rule):
    """The first weights of a hidden layer are far too small.

    ## What it does

    Compares the exact scale of a kernel (fan-in times the second moment of the initializer) with what the activation
    behind it needs. It reports kernels with less than a tenth of that if signal or gradient lose two orders of
    magnitude over the stack, and a single kernel with less than a hundredth. Layers with a normalization behind them,
    output layers and ends of residual branches may be as small as they like. It only informs where all of them follow
    from Glorot's rule, which takes the mean of both fans: a layer from 2 units to 3,000 then starts 40 times too small.

    ## Why is this bad?

    The output of the layer, and the gradient that passes back, shrink by that factor. A few such layers leave nothing.

    ## Use instead

    An initializer that knows the fan-in: `he_normal`, `glorot_uniform`, or `VarianceScaling`.

    ## Fix safety

    Safe: only the first values of the weights change. Where a stack of saturating layers stays sick with any weights,
    ReLU is offered, which is unsafe.

    ## References

    - LeCun et al. 1998, Efficient backprop, section 4.6
    - He et al. 2015, Delving deep into rectifiers (weights with deviation 0.01 stall a 30-layer net)
    """

    code = "VG303"
    name = "undersized-initializer"
    group = "initialization"
    measured = True
    settings: ClassVar = {
        "ratio": Threshold(
            0.1,
            "times the fitting scale",
            "below what Glorot's rule gives any hidden layer, even one behind three colour channels",
        ),
        "loss": Threshold(
            100.0, "times", "two orders of magnitude over the stack, where the small kernels together are the cause"
        ),
        "alone": Threshold(
            0.01, "times the fitting scale", "so small that a single such layer cuts off what is before it"
        ),
    }
    bad = (
        Example(
            "Deviation 0.01 in three layers",
            model(
                """
                - repeat: 3
                  body: [{Dense: {units: 64, activation: relu, kernel_initializer: {RandomNormal: {stddev: 0.01}}}}]
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.0.dense",),
            also=("forward-signal-vanishes",),
        ),
        Example(
            "One layer of almost nothing",
            model(
                """
                - Dense: {units: 64, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 64, activation: relu, kernel_initializer: {TruncatedNormal: {stddev: 1.0e-4}}}
                - Dense: {units: 10}
                """
            ),
            finds=("dense_1",),
            also=("forward-signal-vanishes",),
        ),
    )
    good = (
        Example(
            "Small weights, but normalized",
            model(
                """
                - repeat: 3
                  body:
                    - Dense: {units: 64, use_bias: false, kernel_initializer: {RandomNormal: {stddev: 0.01}}}
                    - BatchNormalization
                    - ReLU
                - Dense: {units: 10, kernel_initializer: {RandomNormal: {stddev: 0.001}}}
                """
            ),
        ),
        Example(
            "Small weights in one layer of a short network",
            model(
                """
                - Dense: {units: 12, activation: relu, kernel_initializer: random_normal}
                - Dense: {units: 1, kernel_initializer: random_normal}
                """,
                inputs="x: {shape: [8]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the kernels of every stretch."""
        ratio, alone = self.limit(facts, "ratio"), self.limit(facts, "alone")
        for stretch in facts.stretches:
            size = min(stretch.gradient, stretch.activation, 0.0)
            lost = number(-size) >= self.limit(facts, "loss")
            small = [item for item in misfits(facts, stretch) if item.ratio < (ratio if lost else alone)]
            if not small:
                continue
            first = small[0]
            better = fitting(first.activation)
            name = first.activation.name if first.activation is not None else "a linear layer"
            also = f", as in {len(small) - 1} more layers of this stack" if len(small) > 1 else ""
            yield Finding(
                f"the weights start with {factor(first.ratio)} of the scale that {name} needs{also}",
                node=first.kernel.node.id,
                effect="vanishing",
                region=tuple(item.kernel.node.id for item in small),
                argument=first.kernel.argument,
                alike=f"{first.kernel.weight.initializer.canonical()} {name}",
                severity=Severity.INFO if all(_knows_fans(item) for item in small) else None,
                related=tuple((item.kernel.node.id, f"{factor(item.ratio)} here") for item in small[1:4]),
                notes=(f"over the stack the signal is left with {power(size)} of its size",) if size < -1 else (),
                help=f"use {better}",
                evidence=Evidence(
                    "scale of the kernel, relative to what the activation needs",
                    first.ratio,
                    ratio if lost else alone,
                    tuple(item.kernel.node.id for item in sorted(small, key=lambda item: item.ratio)[:5]),
                ),
                proposals=tuple(refit(facts, [item.kernel for item in small])),
            )


def _knows_fans(item: Misfit) -> bool:
    """Whether an initializer takes its scale from the sizes of the kernel."""
    from vgspec.catalogue.initializers import FanInitializer

    return isinstance(item.kernel.weight.initializer, FanInitializer)
