"""VG712: flatten-of-large-map."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence, Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["FlattenOfLargeMap"]


class FlattenOfLargeMap(Rule):
    """A large map of features is flattened into a fully connected layer.

    ## What it does

    Finds kernels of more than ten million weights behind a flattened map with several positions.

    ## Why is this bad?

    Most of the model's weights then lie in one layer that knows every position apart: it overfits, and ties the model
    to one size of input. (VGG-16 is the known example: 103 of its 138 million weights.)

    ## Use instead

    A global pooling in place of the flattening, or more pooling before it.

    ## Fix safety

    There is no automatic fix: it changes the model's function and size.

    ## References

    - Lin et al. 2013, Network in network, section 3.2
    """

    code = "VG712"
    name = "flatten-of-large-map"
    group = "structure"
    severity = Severity.INFO
    settings: ClassVar = {
        "weights": Threshold(
            1e7, "weights", "40 MB in float32, and more weights than most whole networks for images of this size have"
        ),
    }
    bad = (
        Example(
            "56 x 56 positions",
            model(
                """
                - Conv2D: {filters: 32, kernel_size: 3, strides: 2, activation: relu}
                - Flatten
                - Dense: {units: 256, activation: relu}
                - Dropout: {rate: 0.5}
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [112, 112, 3]}",
            ),
            finds=("dense",),
        ),
        Example(
            "A long recording, flattened by a Reshape",
            model(
                """
                - Conv1D: {filters: 64, kernel_size: 9, padding: same, activation: relu}
                - Reshape: {target_shape: [-1]}
                - Dropout: {rate: 0.3}
                - Dense: {units: 16, activation: relu}
                - Dense: {units: 4}
                """,
                inputs="sound: {shape: [16000, 1]}",
            ),
            finds=("dense",),
        ),
    )
    good = (
        Example(
            "Global pooling",
            model(
                """
                - Conv2D: {filters: 32, kernel_size: 3, strides: 2, activation: relu}
                - GlobalAveragePooling2D
                - Dense: {units: 256, activation: relu}
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [112, 112, 3]}",
            ),
        ),
        Example(
            "A small map",
            model(
                """
                - Conv2D: {filters: 32, kernel_size: 3, strides: 2, activation: relu}
                - Flatten
                - Dense: {units: 64, activation: relu}
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [28, 28, 1]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look at the large kernels behind a flattening."""
        for kernel in facts.kernels:
            sizes = [size for size in kernel.weight.shape if isinstance(size, int)]
            weights = math.prod(sizes)
            if weights < self.limit(facts, "weights") or len(sizes) != 2:
                continue
            for node in facts.back(kernel.node, Trait.DROPOUT, Trait.IDENTITY, Trait.RESHAPING):
                before = facts.inputs(node)[0].shape if facts.has(node, Trait.RESHAPING) else ()
                if len(before) < 3 or len(node.outputs[0].shape) != 2:
                    continue
                positions = [size for size in before[1:-1] if isinstance(size, int)]
                if math.prod(positions) < 2:
                    break
                shape = " x ".join(str(size) for size in before[1:])
                yield Finding(
                    f"this layer has {weights / 1e6:.0f} million weights, because a map of {shape} is flattened",
                    node=kernel.node.id,
                    related=((node.id, "flattened here"),),
                    help="use a global pooling in place of the flattening, or pool more before it",
                    evidence=Evidence(
                        "weights", float(weights), self.limit(facts, "weights"), (kernel.node.id, node.id)
                    ),
                )
                break
