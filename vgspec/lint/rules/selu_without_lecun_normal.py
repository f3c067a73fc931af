"""VG305: selu-without-lecun-normal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import factor

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["SeluWithoutLecunNormal"]


class SeluWithoutLecunNormal(Rule):
    """SELU with weights that do not make it self-normalizing.

    ## What it does

    Finds layers with the activation `selu` whose kernel has not the variance 1/fan-in that SELU's constants are made
    for, beyond a few percent. Layers with a normalization between kernel and activation are left alone.

    ## Why is this bad?

    The two constants of SELU make mean 0 and variance 1 a fixed point only for weights of variance 1/fan-in. With
    others, SELU is an ELU with odd constants.

    ## Use instead

    `lecun_normal`.

    ## Fix safety

    Safe: only the first values of the weights change.

    ## References

    - Klambauer et al. 2017, Self-normalizing neural networks
    """

    code = "VG305"
    name = "selu-without-lecun-normal"
    group = "initialization"
    settings: ClassVar = {
        "low": Threshold(
            0.8,
            "times the fitting scale",
            "square layers with Glorot weights have exactly the right variance; a few percent do no harm",
        ),
        "high": Threshold(1.25, "times the fitting scale", "the same upwards"),
    }
    bad = (
        Example(
            "SELU with He weights",
            model(
                """
                - Dense: {units: 64, activation: selu, kernel_initializer: he_normal}
                - Dense: {units: 10}
                """
            ),
            finds=("dense",),
        ),
        Example(
            "A first convolution with the default initializer, SELU as a layer of its own",
            model(
                """
                - Conv2D: {filters: 64, kernel_size: 3}
                - Activation: {activation: selu}
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("conv2d",),
        ),
    )
    good = (
        Example(
            "SELU with LeCun weights",
            model(
                """
                - Dense: {units: 256, activation: selu, kernel_initializer: lecun_normal}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "SELU in a square layer with the default initializer",
            model("- Dense: {units: 64, activation: selu}\n- Dense: {units: 10}"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at every kernel before a selu."""
        for kernel in facts.kernels:
            activation = facts.activation_after(kernel.node)
            row = activation.row if activation is not None else None
            if row is None or row.initializer != "lecun_normal" or not kernel.moments.random:
                continue
            scale = kernel.scale
            if scale is None or facts.normalised_after(kernel.node) or not kernel.argument:
                continue
            if self.limit(facts, "low") <= scale <= self.limit(facts, "high"):
                continue
            change = Change("set", kernel.node.id, kernel.argument, "lecun_normal")
            yield Finding(
                f"{row.name} needs weights of variance 1/fan-in; these have {factor(scale**2)}/fan-in",
                node=kernel.node.id,
                argument=kernel.argument,
                help="use lecun_normal",
                evidence=Evidence("deviation of the weights times the root of fan-in", scale, 1.0, (kernel.node.id,)),
                proposals=(Proposal("use lecun_normal", (change,), Applicability.SAFE),),
            )
