"""VG711: units-below-classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.catalogue.meaning import Meaning
from vgspec.diagnostics import Evidence
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts, Final

__all__ = ["UnitsBelowClasses"]


class UnitsBelowClasses(Rule):
    """The last hidden layer has far fewer units than there are classes.

    ## What it does

    Compares, in classifiers of up to fifty classes, the number of classes with the width of the hidden layer right
    before the output, and reports half as many units or fewer. Large vocabularies are left alone: their scores are
    of low rank by design.

    ## Why is this bad?

    The scores of all classes are linear functions of a few numbers: most combinations of classes cannot be told apart
    by a margin, and with rectifiers half of the few units are off.

    ## Use instead

    At least as many hidden units as classes.

    ## Fix safety

    There is no automatic fix: the width is a design decision.

    ## References

    - Yang et al. 2018, Breaking the softmax bottleneck
    """

    code = "VG711"
    name = "units-below-classes"
    group = "structure"
    settings: ClassVar = {
        "classes": Threshold(50.0, "classes", "large vocabularies are of low rank by design"),
        "ratio": Threshold(
            2.0, "classes a unit", "with half as many units as classes, scores of the classes depend on each other"
        ),
    }
    bad = (
        Example(
            "Four units for ten classes",
            model("- Dense: {units: 4, activation: relu}\n- Dense: {units: 10, activation: softmax}"),
            finds=("dense",),
        ),
        Example(
            "Pooled features of three channels for twelve classes",
            model(
                """
                - Conv2D: {filters: 32, kernel_size: 3, activation: relu}
                - GlobalAveragePooling2D
                - {id: code, Dense: {units: 3, use_bias: false}}
                - BatchNormalization
                - Activation: {activation: tanh}
                - Dropout: {rate: 0.1}
                - Dense: {units: 12}
                """,
                inputs="image: {shape: [16, 16, 3]}",
                compile="""
                optimizer: adam
                loss: {SparseCategoricalCrossentropy: {from_logits: true}}
                """,
            ),
            finds=("code",),
        ),
    )
    good = (
        Example(
            "Eight units for ten classes",
            model("- Dense: {units: 8, activation: relu}\n- Dense: {units: 10, activation: softmax}"),
        ),
        Example(
            "An autoencoder's code",
            model(
                "- Dense: {units: 4, activation: relu}\n- Dense: {units: 64}",
                compile="optimizer: adam\nloss: mse",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the layer before the scores of every classifier."""
        for final in facts.finals:
            classes = final.units
            if final.kernel is None or classes is None or not self._classifier(final):
                continue
            if not 2 < classes <= self.limit(facts, "classes"):
                continue
            for node in facts.back(final.kernel, Trait.DROPOUT, Trait.ACTIVATION, Trait.NORMALIZING, Trait.IDENTITY):
                if not facts.has(node, Trait.KERNEL) or len(node.outputs[0].shape) != 2:
                    continue
                units = node.outputs[0].shape[-1]
                if not isinstance(units, int) or facts.activation_after(node) is None:
                    break
                if units * self.limit(facts, "ratio") <= classes:
                    yield Finding(
                        f"{classes} classes are told apart by {units} hidden unit{'s' if units > 1 else ''}",
                        node=node.id,
                        argument="units",
                        related=((final.kernel.id, f"{classes} classes here"),),
                        help=f"use at least {classes} units",
                        evidence=Evidence("units", float(units), classes / self.limit(facts, "ratio"), (node.id,)),
                    )
                break

    def _classifier(self, final: Final) -> bool:
        row = final.activation.row if final.activation is not None else None
        if row is not None and row.meaning is Meaning.DISTRIBUTION:
            return True
        return final.loss is not None and final.loss.expects in (Meaning.DISTRIBUTION, Meaning.LOGITS)
