"""VG604: weight-decay-on-bias."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.diagnostics import Applicability, Severity
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["WeightDecayOnBias"]

_WEIGHTS = {"bias": "the bias", "gamma": "the scale of the normalization", "beta": "the offset of the normalization"}


class WeightDecayOnBias(Rule):
    """A penalty on a bias, or on the scale or offset of a normalization.

    ## What it does

    Finds layers with a `bias_regularizer`, `gamma_regularizer` or `beta_regularizer`.

    ## Why is this bad?

    These weights do not make a function more complex, so that holding them near zero does not make it simpler; it makes
    it fit worse. A scale that is pulled to zero shrinks the signal of its whole layer.

    ## Use instead

    Penalise kernels only: `kernel_regularizer`.

    ## Fix safety

    Unsafe: training minimises another loss. Weights and function stay the same.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 7.1
    - He et al. 2019, Bag of tricks for image classification with convolutional neural networks (no bias decay)
    """

    code = "VG604"
    name = "weight-decay-on-bias"
    group = "optimisation"
    severity = Severity.INFO
    bad = (
        Example(
            "A penalty on kernel and bias",
            model(
                "- Dense: {units: 32, activation: relu, kernel_regularizer: l2, bias_regularizer: l2}\n"
                "- Dense: {units: 10}"
            ),
            finds=("dense",),
        ),
        Example(
            "A penalty on the scale of a normalization",
            model("- LayerNormalization: {gamma_regularizer: l2}\n- Dense: {units: 10}"),
            finds=("layer_normalization",),
        ),
    )
    good = (
        Example(
            "A penalty on the kernel",
            model("- Dense: {units: 32, activation: relu, kernel_regularizer: l2}\n- Dense: {units: 10}"),
        ),
        Example(
            "A penalty on the output of a layer",
            model("- Dense: {units: 32, activation: relu, activity_regularizer: l2}\n- Dense: {units: 10}"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the regularizers of every layer."""
        for name, what in _WEIGHTS.items():
            argument = f"{name}_regularizer"
            for node in facts.first_calls_given(argument):
                layer = facts.layer(node)
                if layer.trainable and getattr(layer, argument) is not None:
                    change = Change("set", node.id, argument, None)
                    yield Finding(
                        f"a penalty pulls {what} of this layer to zero",
                        node=node.id,
                        argument=argument,
                        help=f"leave out {argument}; penalise kernels only",
                        proposals=(Proposal("leave the penalty out", (change,), Applicability.UNSAFE),),
                    )
