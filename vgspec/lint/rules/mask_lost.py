"""VG713: mask-lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.ir import Node
    from vgspec.lint.facts import Facts

__all__ = ["MaskLost"]


class MaskLost(Rule):
    """A mask for padded steps does not reach the recurrence that needs it.

    ## What it does

    Follows the mask that `mask_zero: true` or a `Masking` layer makes, and reports the layer at which it gets lost
    where a recurrent layer comes behind it.

    ## Why is this bad?

    The recurrence then runs over the padding as if it were data. Its last output is that of the padding, for short
    sequences hardly a function of the data at all; and nothing says so.

    ## Use instead

    Put the layer that does not pass masks on behind the recurrence, or leave the mask out and pad in front.

    ## Fix safety

    There is no automatic fix.

    ## References

    - Keras documentation, Understanding masking and padding
    """

    code = "VG713"
    name = "mask-lost"
    group = "structure"
    bad = (
        Example(
            "A convolution between",
            model(
                """
                - Embedding: {input_dim: 1000, output_dim: 32, mask_zero: true}
                - Conv1D: {filters: 32, kernel_size: 3, activation: relu}
                - LSTM: {units: 32}
                - Dense: {units: 1}
                """,
                inputs="tokens: {shape: [100], dtype: int32}",
            ),
            finds=("conv1d",),
        ),
        Example(
            "Pooled steps between the padding and a bidirectional GRU",
            model(
                """
                - Masking: {mask_value: 0.0}
                - MaxPooling1D: {pool_size: 2}
                - Bidirectional: {layer: {GRU: {units: 16}}}
                - Dense: {units: 1}
                """,
                inputs="series: {shape: [60, 8]}",
            ),
            finds=("max_pooling1d",),
        ),
    )
    good = (
        Example(
            "The mask arrives",
            model(
                """
                - Embedding: {input_dim: 1000, output_dim: 32, mask_zero: true}
                - Dropout: {rate: 0.1}
                - LSTM: {units: 32}
                - Dense: {units: 1}
                """,
                inputs="tokens: {shape: [100], dtype: int32}",
            ),
        ),
        Example(
            "No mask",
            model(
                """
                - Embedding: {input_dim: 1000, output_dim: 32}
                - Conv1D: {filters: 32, kernel_size: 3, activation: relu}
                - LSTM: {units: 32}
                - Dense: {units: 1}
                """,
                inputs="tokens: {shape: [100], dtype: int32}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Follow masks forward."""
        masked: set[str] = set()
        lost: dict[str, Node] = {}
        for node in facts.nodes:
            layer = facts.layer(node)
            names = set(facts.graph.sources[node.id])
            if facts.has(node, Trait.RECURRENT):
                given = dict(node.args).get("mask") is not None
                for name in names & lost.keys():
                    culprit = lost.pop(name)
                    if given:
                        continue
                    yield Finding(
                        f"the mask of padded steps is lost here, and `{node.id}` behind it needs it",
                        node=culprit.id,
                        related=((node.id, "runs over the padding"),),
                        help="put this layer behind the recurrence, or leave the mask out",
                    )
                if names & masked and len(node.outputs[0].shape) == 3:
                    masked.add(node.id)
            elif layer.makes_mask:
                masked.add(node.id)
            elif names & masked:
                if layer.supports_masking:
                    masked.add(node.id)
                elif len(node.outputs[0].shape) == 3:
                    lost[node.id] = node
            elif names & lost.keys() and len(node.outputs[0].shape) == 3:
                lost[node.id] = lost[next(name for name in names if name in lost)]
