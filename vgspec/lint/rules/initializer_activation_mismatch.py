"""VG302: initializer-activation-mismatch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence
from vgspec.lint.causes import fitting, misfits, refit
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model
from vgspec.lint.words import factor, number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["InitializerActivationMismatch"]


class InitializerActivationMismatch(Rule):
    """Weights a little too small or too large for their activation, in so many layers that it adds up.

    ## What it does

    Compares the exact scale of every kernel (fan-in times the second moment of the initializer) with the scale that
    the activation behind it needs, and reports a stack in which the predicted signal or gradient is lost (or blown
    up) mostly for that reason. One layer, or a few, are no finding: ReLU behind Keras's default Glorot weights loses
    a factor 0.7, which matters only when it is repeated.

    ## Why is this bad?

    ReLU passes half of its input's mean square. With Glorot weights both signal and gradient shrink to 0.7 of their
    size in each layer: after 24 layers to 1/4000. The gradients at the first and the last layer stay equal to each
    other, so that a look at their ratio shows nothing, but both vanish.

    ## Use instead

    `he_normal` or `he_uniform` for relu, leaky_relu, elu, gelu and silu; `glorot_uniform` for tanh and sigmoid;
    `lecun_normal` for selu.

    ## Fix safety

    Safe: only the first values of the weights change.

    ## References

    - He et al. 2015, Delving deep into rectifiers, eq. 10
    - Glorot and Bengio 2010, eq. 16; Klambauer et al. 2017, Self-normalizing neural networks
    """

    code = "VG302"
    name = "initializer-activation-mismatch"
    group = "initialization"
    measured = True
    settings: ClassVar = {
        "loss": Threshold(3000.0, "times", "VGG-19 as Keras has it loses a factor of 1400 in this way and trains"),
        "low": Threshold(
            0.9,
            "times the fitting scale",
            "a kernel within a tenth of the right scale is no misfit, however deep the stack",
        ),
        "high": Threshold(1.15, "times the fitting scale", "the same upwards"),
    }
    bad = (
        Example(
            "ReLU with the default initializer, thirty times",
            model(
                """
                - {repeat: 30, body: [{Dense: {units: 64, activation: relu}}]}
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.0.dense",),
            also=(
                "no-skip-in-deep-stack",
                "no-normalization-in-deep-stack",
                "forward-signal-vanishes",
            ),
        ),
        Example(
            "Uniform weights whose range ignores the width",
            model(
                """
                - repeat: 8
                  body:
                    - Dense:
                        units: 128
                        activation: relu
                        kernel_initializer: {RandomUniform: {minval: -0.05, maxval: 0.05}}
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.0.dense",),
            also=("forward-signal-vanishes",),
        ),
    )
    good = (
        Example(
            "Thirty layers with the initializer that fits",
            model(
                """
                - {repeat: 30, body: [{Dense: {units: 64, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "A few ReLU layers with the default initializer",
            model(
                """
                - {repeat: 5, body: [{Dense: {units: 64, activation: relu}}]}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Normalization sets the size anew",
            model(
                """
                - repeat: 30
                  body: [{Dense: {units: 64, use_bias: false}}, LayerNormalization, ReLU]
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at every stretch with a large loss or growth, and ask whether the kernels' scales explain it."""
        limit = math.log10(self.limit(facts, "loss"))
        low, high = self.limit(facts, "low"), self.limit(facts, "high")
        for stretch in facts.stretches:
            size = min(stretch.gradient, stretch.activation)
            if size > -limit:
                size = max(stretch.gradient, stretch.activation)
                if size < limit:
                    continue
            off = [item for item in misfits(facts, stretch) if (item.ratio < low if size < 0 else item.ratio > high)]
            off = [item for item in off if 0.1 <= item.ratio <= 2.0]
            explained = sum(math.log10(item.ratio) for item in off)
            if not off or abs(explained) < 0.5 * abs(size):
                continue
            first = off[0]
            name = first.activation.name if first.activation is not None else "linear"
            typical = number(explained / len(off))
            better = fitting(first.activation)
            kind = first.kernel.weight.initializer.type_name
            word = "shrinks" if size < 0 else "grows"
            yield Finding(
                f"{kind} weights do not fit {name}: over {len(stretch.kernels)} layers the signal {word} to "
                f"{power(size)} of its size",
                node=first.kernel.node.id,
                effect="vanishing" if size < 0 else "exploding",
                region=tuple(node.id for node in stretch.nodes),
                argument=first.kernel.argument,
                alike=f"{kind} {name} {word}",
                related=((stretch.nodes[-1].id, "the stack ends here"),),
                notes=(f"the weights have {factor(typical)} times the scale that {name} needs, in {len(off)} layers",),
                help=f"use {better}",
                evidence=Evidence(
                    "scale of the kernel, relative to what the activation needs",
                    typical,
                    low if size < 0 else high,
                    tuple(item.kernel.node.id for item in sorted(off, key=lambda item: item.ratio)[:5]),
                ),
                proposals=tuple(refit(facts, [item.kernel for item in off])),
            )
