"""VG703: bias-before-batchnorm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.diagnostics import Applicability, Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["BiasBeforeBatchnorm"]


class BiasBeforeBatchnorm(Rule):
    """A bias is added and at once taken away again by batch normalization.

    ## What it does

    Finds kernels with a bias and no activation whose output only goes into batch normalizations with an offset of
    their own.

    ## Why is this bad?

    Batch normalization subtracts the mean of each channel, and with it the bias: the gradient of the bias is zero. It
    costs memory and does nothing. (Harmless: the ResNets of keras.applications have such biases.)

    ## Use instead

    `use_bias: false`.

    ## Fix safety

    Unsafe: the layer has one weight less, so that saved weights no longer fit. The function stays the same.

    ## References

    - Ioffe and Szegedy 2015, Batch normalization, section 3.2
    """

    code = "VG703"
    name = "bias-before-batchnorm"
    group = "structure"
    severity = Severity.INFO
    bad = (
        Example(
            "A bias without effect",
            model("- Dense: {units: 32}\n- BatchNormalization\n- ReLU\n- Dense: {units: 10}"),
            finds=("dense",),
        ),
        Example(
            "Transposed convolutions of a decoder",
            model(
                """
                - Dense: {units: 128, activation: relu}
                - Reshape: {target_shape: [4, 4, 8]}
                - id: up
                  repeat: 2
                  body:
                    - Conv2DTranspose: {filters: 16, kernel_size: 4, strides: 2, padding: same}
                    - BatchNormalization
                    - LeakyReLU
                - Conv2D: {filters: 3, kernel_size: 3, padding: same, activation: tanh}
                """,
            ),
            finds=("up.0.conv2d_transpose",),
        ),
    )
    good = (
        Example(
            "No bias",
            model("- Dense: {units: 32, use_bias: false}\n- BatchNormalization\n- ReLU\n- Dense: {units: 10}"),
        ),
        Example(
            "An activation between",
            model("- Dense: {units: 32, activation: relu}\n- BatchNormalization\n- Dense: {units: 10}"),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look behind every kernel with a bias."""
        for node in facts.nodes_with(Trait.KERNEL):
            layer = facts.layer(node)
            readers = facts.consumers(node)
            if not getattr(layer, "use_bias", False) or facts.activation(node) is not None or not readers:
                continue
            if node.id in facts.output_nodes or not layer.trainable:
                continue
            if not all(
                facts.has(reader, Trait.BATCH_STATISTICS) and getattr(facts.layer(reader), "center", False)
                for reader in readers
            ):
                continue
            change = Change("set", node.id, "use_bias", False)
            yield Finding(
                "the bias of this layer is subtracted again by the batch normalization behind it",
                node=node.id,
                argument="use_bias",
                related=((readers[0].id, "here"),),
                help="set use_bias: false",
                proposals=(Proposal("leave the bias out", (change,), Applicability.UNSAFE),),
            )
