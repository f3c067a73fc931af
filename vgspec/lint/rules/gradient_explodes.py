"""VG201: gradient-explodes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model
from vgspec.lint.words import number, power

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["GradientExplodes"]


class GradientExplodes(Rule):
    """The gradient that reaches some weights is predicted to be far too large.

    ## What it does

    Predicts, at initialisation and for standardised inputs, the norm of the gradient at every trainable kernel, and
    reports a model in which one is above ten thousand, or above a hundred and three hundred times that of the last
    kernel. Kernels of convolutions gather from many positions: sixty times is normal (ResNet-50).

    ## Why is this bad?

    The first steps of training throw the weights far away; the loss becomes NaN, or units die.

    ## Use instead

    Weights of the scale that the activation needs, a normalization, or residual connections. Clipping (`clipnorm`)
    keeps the steps finite but not the proportions between layers.

    ## Fix safety

    There is no automatic fix here; the findings about initializers have one.

    ## References

    - Pascanu et al. 2013, On the difficulty of training recurrent neural networks
    - Yang et al. 2019, A mean field theory of batch normalization
    """

    code = "VG201"
    name = "gradient-explodes"
    group = "exploding"
    measured = True
    role = "effect"
    settings: ClassVar = {
        "norm": Threshold(
            1e4,
            "norm of the gradient",
            "one step at a rate of 1e-3 moves a kernel by 10: about the norm of 128 by 128 Glorot weights",
        ),
        "ratio": Threshold(
            300.0,
            "times that of the last kernel",
            "kernels of convolutions gather from many positions: sixty times is normal (ResNet-50)",
        ),
        "least": Threshold(100.0, "norm of the gradient", "a ratio between small gradients harms nobody"),
    }
    bad = (
        Example(
            "Weights four times too large in ten layers",
            model(
                """
                - repeat: 10
                  body:
                    - Dense:
                        units: 64
                        activation: relu
                        kernel_initializer: {VarianceScaling: {scale: 16.0}}
                - Dense: {units: 10}
                """
            ),
            finds=("dense",),
            also=("oversized-initializer", "no-normalization-in-deep-stack"),
        ),
        Example(
            "Residual blocks whose branches are four times too large",
            model(
                """
                - Conv2D: {filters: 16, kernel_size: 3, padding: same, activation: relu}
                - id: block
                  repeat: 8
                  body:
                    - residual:
                        body:
                          - Conv2D:
                              filters: 16
                              kernel_size: 3
                              padding: same
                              activation: relu
                              kernel_initializer: {VarianceScaling: {scale: 12.0}}
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("block.4.residual.conv2d",),
            also=(
                "unnormalised-residual-growth",
                "oversized-initializer",
            ),
        ),
    )
    good = (
        Example(
            "Ten layers with weights that fit",
            model(
                """
                - {repeat: 10, body: [{Dense: {units: 64, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Weights a little too large in three layers",
            model(
                """
                - repeat: 3
                  body:
                    - Dense: {units: 64, activation: relu, kernel_initializer: {VarianceScaling: {scale: 4.0}}}
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Judge the kernel with the largest gradient."""
        last = facts.last_kernel_gradient
        found = facts.largest_kernel_gradient
        if found is None:
            return
        size, worst = found
        large = size > math.log10(self.limit(facts, "norm"))
        ratio = size - last if last is not None else 0.0
        if not large and (
            size < math.log10(self.limit(facts, "least")) or ratio < math.log10(self.limit(facts, "ratio"))
        ):
            return
        edges = facts.profile.worst_edges(5, gain=True)
        times = f", {power(ratio)} times that at the last" if ratio > 1 else ""
        yield Finding(
            f"the gradient at this layer's kernel is predicted to be {power(size)}{times}",
            node=worst,
            effect="exploding",
            region=facts.lineage((worst,)),
            related=tuple((edge.node, f"it grows {power(edge.gradient)} times here") for edge in edges[:3]),
            help="use weights of the scale the activations need, normalize, or add residual connections",
            evidence=Evidence(
                "norm of the gradient of the kernel",
                number(size),
                self.limit(facts, "norm" if large else "least"),
                tuple(dict.fromkeys(edge.node for edge in edges)),
            ),
        )
