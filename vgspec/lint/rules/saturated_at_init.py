"""VG403: saturated-at-init."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Applicability, Evidence
from vgspec.lint.causes import saturates
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, Threshold, model
from vgspec.lint.words import factor

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["SaturatedAtInit"]


class SaturatedAtInit(Rule):
    """A sigmoid or tanh gets inputs so large that it is flat from the start.

    ## What it does

    Predicts the size of what enters every saturating activation of a hidden layer, and reports those above ten, where
    the weights themselves are of a reasonable scale: what is too large is the layer's input (pixels up to 255 without
    rescaling, a sum of many things) or its bias. Weights that are too large have a rule of their own.

    ## Why is this bad?

    At ten the slope of a sigmoid is 5e-5, that of tanh 8e-9: the layer passes no gradient.

    ## Use instead

    `Rescaling` or `Normalization` on the data, or a normalization layer in front.

    ## Fix safety

    Unsafe: a layer normalization in front changes the function that the model computes.

    ## References

    - LeCun et al. 1998, Efficient backprop, section 4.3
    """

    code = "VG403"
    name = "saturated-at-init"
    group = "dead-units"
    measured = True
    settings: ClassVar = {
        "size": Threshold(
            10.0, "root mean square", "the slope of a sigmoid is 5e-5 at 10: most units pass next to no gradient"
        ),
    }
    bad = (
        Example(
            "Pixels up to 255",
            model(
                """
                - Rescaling: {scale: 255.0}
                - Dense: {units: 64, activation: sigmoid}
                - Dense: {units: 10}
                """
            ),
            finds=("dense",),
        ),
        Example(
            "Embeddings that start a hundred times too large",
            model(
                """
                - Embedding: {input_dim: 1000, output_dim: 16, embeddings_initializer: {RandomNormal: {stddev: 20.0}}}
                - Conv1D: {filters: 32, kernel_size: 3, activation: tanh}
                - GlobalAveragePooling1D
                - Dense: {units: 2}
                """,
                inputs="tokens: {shape: [40], dtype: int32}",
            ),
            finds=("conv1d",),
        ),
    )
    good = (
        Example(
            "Normalized first",
            model(
                """
                - Rescaling: {scale: 255.0}
                - LayerNormalization
                - Dense: {units: 64, activation: sigmoid}
                - Dense: {units: 10}
                """
            ),
        ),
        Example("Standardised data", model("- Dense: {units: 64, activation: tanh}\n- Dense: {units: 10}")),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare the predicted size of what enters with where the activation is flat."""
        limit = self.limit(facts, "size")
        for kernel in facts.kernels:
            node = kernel.node
            activation = facts.activation_after(node)
            if activation is None or not saturates(activation) or facts.is_final(node) or kernel.scale is None:
                continue
            if facts.normalised_after(node) or kernel.scale > 4.0 or not kernel.argument:
                continue
            size = facts.input_size(node)
            if size is None or not math.isfinite(size) or size * kernel.scale < limit:
                continue
            name = activation.row.name if activation.row is not None else activation.name
            before = facts.only_producer(node)
            changes = () if before is None else (Change("insert-after", before.id, value="LayerNormalization"),)
            yield Finding(
                f"{name} gets inputs of size {factor(size * kernel.scale)} here, where it is flat",
                node=node.id,
                argument="activation",
                notes=(f"the layer's own input is predicted to have size {factor(size)}",),
                help="rescale or normalize the data, or normalize before this layer",
                proposals=(Proposal("normalize in front", changes, Applicability.UNSAFE),) if changes else (),
                evidence=Evidence("size of what enters the activation", size * kernel.scale, limit, (node.id,)),
            )
