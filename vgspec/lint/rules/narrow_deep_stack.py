"""VG111: narrow-deep-stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from vgspec.diagnostics import Evidence
from vgspec.layers.base import Trait
from vgspec.lint.remedies import add_residuals
from vgspec.lint.rule import Example, Finding, Rule, Threshold, model

if TYPE_CHECKING:
    from vgspec.ir import Node
    from vgspec.lint.facts import Facts

__all__ = ["NarrowDeepStack"]


class NarrowDeepStack(Rule):
    """A stack has more layers than its layers have units, and no skip connection.

    ## What it does

    Adds up one over the width for all layers with kernels along a chain that nothing goes around. The width is the
    number of units; for a convolution it is the number of channels times the positions of its window. It reports sums
    of one and more over ten layers and more. Batch normalization, which keeps the samples of a batch apart, ends a
    chain; layer normalization does not.

    ## Why is this bad?

    The size of a signal is right on average, but one random initialisation differs from the average, by a factor whose
    logarithm has a variance in proportion to this sum. Above one the inputs of a network are mapped to nearly the same
    point, or its gradients are far from their mean, whatever the activation: such networks often do not start to learn.

    ## Use instead

    Residual connections, wider layers, or fewer of them.

    ## Fix safety

    Unsafe: residual connections with layer normalization change the function that the model computes. They are offered
    for stacks that are written in one list.

    ## References

    - Hanin and Rolnick 2018, How to start training: the effect of initialization and architecture
    - Hanin 2018, Which neural net architectures give rise to exploding and vanishing gradients?
    """

    code = "VG111"
    name = "narrow-deep-stack"
    group = "vanishing"
    settings: ClassVar = {
        "sum": Threshold(
            1.0,
            "sum of one over the width",
            "as many layers as units: the size of a signal varies as much as it is large",
        ),
        "kernels": Threshold(10.0, "layers", "a short network with a bottleneck, such as an autoencoder, is no stack"),
    }
    bad = (
        Example(
            "Twenty layers of sixteen units",
            model(
                """
                - {repeat: 20, body: [{Dense: {units: 16, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """
            ),
            finds=("repeat.0.dense",),
        ),
        Example(
            "Layer normalization does not help",
            model(
                """
                - repeat: 12
                  body:
                    - Dense: {units: 8}
                    - LayerNormalization
                    - ReLU
                - Dense: {units: 2}
                """
            ),
            finds=("repeat.0.dense",),
        ),
    )
    good = (
        Example(
            "Twenty layers of 64 units",
            model(
                """
                - {repeat: 20, body: [{Dense: {units: 64, activation: relu, kernel_initializer: he_normal}}]}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "Twenty narrow layers with skip connections",
            model(
                """
                - Dense: {units: 16, activation: relu, kernel_initializer: he_normal}
                - repeat: 20
                  body:
                    - residual:
                        body:
                          - LayerNormalization
                          - Dense: {units: 16, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 10}
                """
            ),
        ),
        Example(
            "An autoencoder with two units in the middle",
            model(
                """
                - Dense: {units: 32, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 8, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 2}
                - Dense: {units: 8, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 32, activation: relu, kernel_initializer: he_normal}
                - Dense: {units: 64}
                """
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Add up along every chain that nothing goes around."""
        cut = (Trait.MERGING, Trait.RECURRENT, Trait.ATTENTION, Trait.EMBEDDING, Trait.BATCH_STATISTICS)
        for chain in facts.runs_without(*cut):
            kernels = [node for node in chain if facts.has(node, Trait.KERNEL) and node.id in facts.paths.reaching]
            if len(kernels) < self.limit(facts, "kernels") or facts.paths.bypassed(chain):
                continue
            widths = {node.id: width for node in kernels if (width := _width(facts, node))}
            total = sum(1.0 / width for width in widths.values())
            if len(widths) < len(kernels) or total < self.limit(facts, "sum"):
                continue
            narrow = sorted(widths, key=lambda name: widths[name])
            yield Finding(
                f"{len(kernels)} layers in a row, {len(kernels) / total:.0f} units wide on average, are too many for "
                f"their width",
                node=kernels[0].id,
                effect="narrow",
                region=tuple(node.id for node in kernels),
                related=((kernels[-1].id, "the stack ends here"),),
                notes=("what arrives at its end differs many times in size from one initialisation to the next",),
                help="add residual connections, or use wider or fewer layers",
                evidence=Evidence(
                    "sum of one over the width, over all layers of the stack",
                    total,
                    self.limit(facts, "sum"),
                    tuple(narrow[:5]),
                ),
                proposals=tuple(add_residuals(facts, chain)),
            )


def _width(facts: Facts, node: Node) -> float | None:
    """Units of a layer, times the positions of its window where it has one; None where it is not known."""
    units = node.outputs[0].shape[-1] if node.outputs[0].shape else None
    if not isinstance(units, int):
        return None
    window = getattr(facts.layer(node), "kernel_size", None)
    sizes = window if isinstance(window, tuple) else () if window is None else (window,)
    for size in sizes:
        units *= size
    return float(units)
