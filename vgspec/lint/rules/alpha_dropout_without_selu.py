"""VG306: alpha-dropout-without-selu."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["AlphaDropoutWithoutSelu"]


class AlphaDropoutWithoutSelu(Rule):
    """Alpha dropout where there is no SELU, or SELU with plain dropout.

    ## What it does

    Finds a dropout that sets units to SELU's lower end behind another activation, and one that sets units to zero
    behind a SELU.

    ## Why is this bad?

    Alpha dropout keeps mean and variance of SELU's output and of nothing else: behind a ReLU it brings in values that
    the ReLU never has. Plain dropout behind SELU breaks the fixed point that SELU is used for.

    ## Use instead

    `AlphaDropout` with `selu`, `Dropout` with everything else.

    ## Fix safety

    There is no automatic fix.

    ## References

    - Klambauer et al. 2017, Self-normalizing neural networks, section "New dropout technique"
    """

    code = "VG306"
    name = "alpha-dropout-without-selu"
    group = "initialization"
    bad = (
        Example(
            "Behind a ReLU",
            model(
                "- Dense: {units: 64, activation: relu}\n- AlphaDropout: {rate: 0.1}\n- Dense: {units: 10}",
            ),
            finds=("alpha_dropout",),
        ),
        Example(
            "In a block of convolutions with silu",
            model(
                """
                - id: stage
                  repeat: 2
                  body:
                    - Conv1D: {filters: 16, kernel_size: 3}
                    - Activation: {activation: silu}
                    - AlphaDropout: {rate: 0.2}
                - GlobalAveragePooling1D
                - Dense: {units: 10}
                """,
                inputs="series: {shape: [32, 4]}",
            ),
            finds=("stage.0.alpha_dropout",),
        ),
    )
    good = (
        Example(
            "Behind a SELU",
            model(
                """
                - Dense: {units: 64, activation: selu, kernel_initializer: lecun_normal}
                - AlphaDropout: {rate: 0.1}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Plain dropout behind a ReLU",
            model("- Dense: {units: 64, activation: relu}\n- Dropout: {rate: 0.1}\n- Dense: {units: 10}"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look before every dropout that is made for SELU."""
        from vgspec.layers.signal import Noise

        for node in facts.nodes_with(Trait.DROPOUT, Trait.NOISE):
            if not any(isinstance(step, Noise) and step.alpha_rate > 0 for step in facts.steps(node)):
                continue
            before = facts.only_producer(node)
            activation = facts.activation(before) if before is not None else None
            row = activation.row if activation is not None else None
            if row is None or row.initializer == "lecun_normal":
                continue
            yield Finding(
                f"this dropout keeps the statistics of selu, but stands behind {row.name}",
                node=node.id,
                help="use Dropout, or selu with lecun_normal before it",
            )
