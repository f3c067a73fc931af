"""VG706: dropout-rate-extreme."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["DropoutRateExtreme"]


class DropoutRateExtreme(Rule):
    """Dropout leaves almost nothing.

    ## What it does

    Finds dropout that takes away more than four fifths of the units. Low rates are left alone.

    ## Why is this bad?

    `rate` is the share that is dropped. Above 0.8 the noise that dropout adds is more than twice the signal; often the
    share to keep was meant.

    ## Use instead

    Rates of 0.1 to 0.5.

    ## Fix safety

    There is no automatic fix.

    ## References

    - Srivastava et al. 2014, Dropout, section 7.3 and appendix A.4 (rates of 0.2 to 0.5)
    """

    code = "VG706"
    name = "dropout-rate-extreme"
    group = "structure"
    settings: ClassVar = {
        "rate": Threshold(
            0.8, "share of units", "few published networks drop more than half of the units, hardly any more than this"
        ),
    }
    bad = (
        Example(
            "The share to keep",
            model("- Dense: {units: 64, activation: relu}\n- Dropout: {rate: 0.9}\n- Dense: {units: 10}"),
            finds=("dropout",),
        ),
        Example(
            "A rate that a parameter sets",
            model(
                """
                - Conv1D: {filters: 16, kernel_size: 3, activation: relu}
                - SpatialDropout1D: {rate: $drop}
                - GlobalAveragePooling1D
                - Dense: {units: 10}
                """,
                inputs="series: {shape: [32, 4]}",
                before="""
                params:
                  drop: {type: float, default: 0.2}
                """,
            ),
            finds=("spatial_dropout1d",),
            params=(("drop", 0.95),),
        ),
    )
    good = (
        Example("Half", model("- Dense: {units: 64, activation: relu}\n- Dropout: {rate: 0.5}\n- Dense: {units: 10}")),
        Example("Noise", model("- GaussianNoise: {stddev: 0.9}\n- Dense: {units: 10}")),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the rates."""
        limit = self.limit(facts, "rate")
        for node in facts.nodes_with(Trait.DROPOUT):
            rate = getattr(facts.layer(node), "rate", 0.0)
            if rate <= limit:
                continue
            yield Finding(
                f"dropout takes {rate:.0%} of the units away",
                node=node.id,
                argument="rate",
                help="rate is the share that is dropped; 0.1 to 0.5 is usual",
                evidence=Evidence("share of units dropped", float(rate), limit, (node.id,)),
            )
