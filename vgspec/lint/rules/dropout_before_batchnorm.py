"""VG704: dropout-before-batchnorm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.diagnostics import Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["DropoutBeforeBatchnorm"]


class DropoutBeforeBatchnorm(Rule):
    """Batch normalization learns its statistics from units that dropout has changed.

    ## What it does

    Finds dropout whose output goes straight, or through an activation, into batch normalization.

    ## Why is this bad?

    Dropout raises the variance during training. The moving variance that batch normalization keeps for later is that
    of training, so that at inference every channel is scaled wrongly (variance shift).

    ## Use instead

    Dropout behind the last batch normalization, or none: batch normalization regularizes too.

    ## Fix safety

    There is no automatic fix: another order is another model.

    ## References

    - Li et al. 2019, Understanding the disharmony between dropout and batch normalization by variance shift
    """

    code = "VG704"
    name = "dropout-before-batchnorm"
    group = "structure"
    severity = Severity.INFO
    bad = (
        Example(
            "Dropout first",
            model(
                """
                - Dense: {units: 32, activation: relu}
                - Dropout: {rate: 0.5}
                - BatchNormalization
                - Dense: {units: 10}
                """
            ),
            finds=("dropout",),
        ),
        Example(
            "Whole channels dropped, a ReLU between",
            model(
                """
                - id: stage
                  repeat: 2
                  body:
                    - Conv2D: {filters: 16, kernel_size: 3, use_bias: false}
                    - SpatialDropout2D: {rate: 0.2}
                    - ReLU
                    - BatchNormalization
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [16, 16, 3]}",
            ),
            finds=("stage.0.spatial_dropout2d",),
        ),
    )
    good = (
        Example(
            "Dropout behind",
            model(
                """
                - Dense: {units: 32, activation: relu}
                - BatchNormalization
                - Dropout: {rate: 0.5}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Layer normalization keeps no statistics",
            model(
                """
                - Dense: {units: 32, activation: relu}
                - Dropout: {rate: 0.5}
                - LayerNormalization
                - Dense: {units: 10}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look behind every dropout."""
        for node in facts.nodes_with(Trait.DROPOUT):
            if not getattr(facts.layer(node), "rate", 0.0):
                continue
            for reader in facts.through(node, Trait.ACTIVATION, Trait.IDENTITY, Trait.RESHAPING):
                if facts.has(reader, Trait.BATCH_STATISTICS):
                    yield Finding(
                        "batch normalization behind dropout keeps a variance that inference does not have",
                        node=node.id,
                        related=((reader.id, "normalized here"),),
                        help="put the dropout behind the normalization",
                    )
