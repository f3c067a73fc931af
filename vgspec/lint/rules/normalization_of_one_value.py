"""VG723: normalization-of-one-value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.ir import Node
    from vgspec.lint.facts import Facts

__all__ = ["NormalizationOfOneValue"]


class NormalizationOfOneValue(Rule):
    """A normalization subtracts the mean of a single value, so that its output is always the same.

    ## What it does

    Finds layer, group and instance normalizations whose axes hold one value for each sample.

    ## Why is this bad?

    The mean of one value is that value: what is left is zero, and the offset is added to it, whatever the input. No
    gradient goes back through it, so that the layers before it never learn. It happens with series of one feature,
    whose last axis has size one.

    ## Use instead

    Another axis, more features (a `Dense` or `Conv1D` in front), or a batch normalization.

    ## Fix safety

    There is no automatic fix: which of these is meant is not known.

    ## References

    - Ba et al. 2016, Layer normalization
    """

    code = "VG723"
    name = "normalization-of-one-value"
    group = "structure"
    bad = (
        Example(
            "Layer normalization over one feature",
            model(
                """
                - Conv1D: {filters: 8, kernel_size: 3, padding: same, activation: relu}
                - Conv1D: {filters: 1, kernel_size: 1}
                - LayerNormalization
                - Flatten
                - Dense: {units: 2}
                """,
                inputs="series: {shape: [100, 1]}",
            ),
            finds=("layer_normalization",),
        ),
        Example(
            "As many groups as there are features",
            model(
                """
                - Dense: {units: 8, use_bias: false}
                - GroupNormalization: {groups: 8}
                - ReLU
                - Dense: {units: 10}
                """,
            ),
            finds=("group_normalization",),
        ),
    )
    good = (
        Example(
            "Over eight features",
            model(
                """
                - Conv1D: {filters: 8, kernel_size: 3, padding: same, activation: relu}
                - LayerNormalization
                - Flatten
                - Dense: {units: 2}
                """,
                inputs="series: {shape: [100, 1]}",
            ),
        ),
        Example(
            "Batch normalization of one feature, over the batch",
            model(
                """
                - Conv1D: {filters: 8, kernel_size: 3, padding: same, activation: relu}
                - Conv1D: {filters: 1, kernel_size: 1, use_bias: false}
                - BatchNormalization
                - Flatten
                - Dense: {units: 2}
                """,
                inputs="series: {shape: [100, 1]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Count what every normalization takes together."""
        for node in facts.nodes_with(Trait.NORMALIZING):
            if not facts.has(node, Trait.BATCH_STATISTICS) and _count(facts, node) == 1:
                yield Finding(
                    f"{facts.layer(node).type_name} of a single value gives the same for every input: nothing that "
                    f"comes before gets through",
                    node=node.id,
                    help="normalize over another axis, or give it more features; batch normalization works with one",
                )


def _count(facts: Facts, node: Node) -> int | None:
    """How many values of a sample share a mean; None where that is not known, or no mean is subtracted."""
    shape = facts.inputs(node)[0].shape
    for step in facts.steps(node):
        if getattr(step, "axes", None) and getattr(step, "centered", False):
            sizes = [shape[axis] for axis in step.axes]
            known = [size for size in sizes if isinstance(size, int)]
            if len(known) < len(sizes):
                return None
            return math.prod(known) // max(int(getattr(step, "groups", 1)), 1)
    return None
