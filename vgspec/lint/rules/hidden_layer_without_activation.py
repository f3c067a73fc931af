"""VG717: hidden-layer-without-activation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vgspec.diagnostics import Applicability, Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Change, Example, Finding, Proposal, Rule, model

if TYPE_CHECKING:
    from vgspec.ir import Node
    from vgspec.lint.facts import Facts

__all__ = ["HiddenLayerWithoutActivation"]

_PASSING = (Trait.RESHAPING, Trait.DROPOUT, Trait.NOISE, Trait.IDENTITY, Trait.POOLING)


class HiddenLayerWithoutActivation(Rule):
    """Two layers with kernels follow each other, and no activation is between them.

    ## What it does

    Finds fully connected layers and convolutions without an activation whose output goes, at most through pooling,
    dropout or reshaping, into a further one; where a pooling is between it informs only, since a maximum is not linear.
    A narrow layer in the middle (the code of an autoencoder, a factorized matrix), a depthwise convolution, one that
    cuts its input into patches, a fully connected layer that makes a map for a convolution, a layer behind which the
    map is made larger, and one behind which something normalizes or merges are meant to be linear.

    ## Why is this bad?

    Two linear maps in a row are one linear map: the second adds weights, but nothing that the first could not do.
    Mostly the activation was forgotten, since Keras's default is none.

    ## Use instead

    `activation: relu` (with `he_normal`), or another one.

    ## Fix safety

    Unsafe: an activation changes the function that the model computes.

    ## References

    - Goodfellow et al. 2016, Deep learning, section 6.1
    """

    code = "VG717"
    name = "hidden-layer-without-activation"
    group = "structure"
    bad = (
        Example(
            "A forgotten activation",
            model("- Dense: {units: 64}\n- Dropout: {rate: 0.2}\n- Dense: {units: 10, activation: softmax}"),
            finds=("dense",),
        ),
        Example(
            "Convolutions with nothing but pooling between",
            model(
                """
                - Conv2D: {filters: 32, kernel_size: 3}
                - MaxPooling2D
                - Conv2D: {filters: 64, kernel_size: 3, activation: relu}
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [32, 32, 3]}",
            ),
            finds=("conv2d",),
        ),
    )
    good = (
        Example(
            "With an activation",
            model("- Dense: {units: 64, activation: relu}\n- Dense: {units: 10, activation: softmax}"),
        ),
        Example(
            "A generator: a vector becomes a map, and the map is made larger",
            model(
                """
                - Dense: {units: 512}
                - Reshape: {target_shape: [4, 4, 32]}
                - Conv2DTranspose: {filters: 32, kernel_size: 4, strides: 2, padding: same, activation: relu}
                - Conv2D: {filters: 64, kernel_size: 3, padding: same}
                - UpSampling2D: {size: 2}
                - Conv2D: {filters: 3, kernel_size: 3, padding: same}
                """,
                inputs="noise: {shape: [64]}",
            ),
        ),
        Example(
            "The code of an autoencoder",
            model("- Dense: {units: 8}\n- Dense: {units: 64}", compile="optimizer: adam\nloss: mse"),
        ),
        Example(
            "A linear bottleneck that is normalized",
            model(
                """
                - Conv2D: {filters: 16, kernel_size: 1, use_bias: false}
                - BatchNormalization
                - Conv2D: {filters: 64, kernel_size: 1, activation: relu}
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [32, 32, 3]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Look behind every kernel without an activation."""
        for node in facts.nodes_with(Trait.KERNEL):
            if facts.activation(node) is not None or facts.has(node, Trait.ATTENTION):
                continue
            following = list(facts.through(node, *_PASSING))
            if not following or not facts.has(following[-1], Trait.KERNEL):
                continue
            behind = following[-1]
            if any(facts.has(n, Trait.ATTENTION, Trait.WRAPPER) for n in (node, behind)) or self._meant(facts, node):
                continue
            if self._enlarged(facts, node, following):
                continue
            width, before, after = self._widths(facts, node, behind)
            if width is None or (after is not None and before is not None and width < min(before, after)):
                continue
            own = hasattr(facts.layer(node), "activation")
            changes = [Change("set", node.id, "activation", "relu")]
            if hasattr(facts.layer(node), "kernel_initializer"):
                changes.append(Change("set", node.id, "kernel_initializer", "he_normal"))
            pooled = any(facts.has(n, Trait.POOLING) for n in following)
            result = "only a pooling is between" if pooled else "the two are one linear map"
            yield Finding(
                f"this layer has no activation, nor has anything before `{behind.id}`: {result}",
                node=node.id,
                alike=result,
                related=((behind.id, "the next layer with a kernel"),),
                help="give it an activation, such as relu",
                severity=Severity.INFO if pooled else None,
                proposals=(Proposal("use relu with he_normal", tuple(changes), Applicability.UNSAFE),) if own else (),
            )

    def _meant(self, facts: Facts, node: Node) -> bool:
        """Whether a layer is linear by design: one channel at a time, or one patch at a time."""
        layer = facts.layer(node)
        window = getattr(layer, "kernel_size", None)
        if window is not None and window == getattr(layer, "strides", None):
            return True
        own = facts.own_kernels.get(node.layer, ())
        return any(k.units == 1 and k.weight.name == "depthwise_kernel" for k in own if k.node.id == node.id)

    def _enlarged(self, facts: Facts, node: Node, following: Sequence[Node]) -> bool:
        """Whether a map is made of a vector, or a map made larger, before the next kernel: steps of a generator."""
        behind = following[-1]
        if facts.has(behind, Trait.CONVOLUTION) and not facts.has(node, Trait.CONVOLUTION):
            return len(node.outputs[0].shape) == 2
        return any(getattr(facts.layer(between), "size", None) is not None for between in following[:-1])

    def _widths(self, facts: Facts, node: Node, behind: Node) -> tuple[int | None, int | None, int | None]:
        """Channels that a layer makes, those it reads, and those that the next one makes."""

        def known(size: object) -> int | None:
            return size if isinstance(size, int) else None

        inputs = facts.inputs(node)
        before = known(inputs[0].shape[-1]) if inputs else None
        return known(node.outputs[0].shape[-1]), before, known(behind.outputs[0].shape[-1])
