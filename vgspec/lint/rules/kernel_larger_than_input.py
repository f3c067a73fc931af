"""VG709: kernel-larger-than-input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.diagnostics import Evidence, Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["KernelLargerThanInput"]


class KernelLargerThanInput(Rule):
    """A convolution's kernel reaches so far beyond its input that some of its weights never meet data.

    ## What it does

    Compares the extent of padded convolution kernels, dilation counted, with the size of what they are applied to. An
    entry further from the middle than the input is long only ever meets padding. It only informs of layers that move
    by more than one position: at the turn of an hourglass (pix2pix) such kernels are usual.

    ## Why is this bad?

    These weights get no gradient. A 3x3 convolution on a single position is a 1x1 convolution at nine times the price;
    usually the input is too small for the number of poolings and strides before.

    ## Use instead

    Fewer strides or poolings, a larger input, or a smaller kernel.

    ## Fix safety

    There is no automatic fix.

    ## References

    - Chen et al. 2017, Rethinking atrous convolution, section 3.3 (degenerate dilated kernels)
    """

    code = "VG709"
    name = "kernel-larger-than-input"
    group = "structure"
    bad = (
        Example(
            "3x3 on one position",
            model(
                """
                - repeat: 3
                  body: [{Conv2D: {filters: 8, kernel_size: 3, strides: 2, padding: same, activation: relu}}]
                - Conv2D: {filters: 8, kernel_size: 3, padding: same, activation: relu}
                - Flatten
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [8, 8, 3]}",
            ),
            finds=("conv2d",),
        ),
        Example(
            "Dilation that reaches over a short series",
            model(
                """
                - id: stage
                  repeat: 2
                  body: [{Conv1D: {filters: 16, kernel_size: 3, dilation_rate: 16, padding: causal, activation: relu}}]
                - GlobalAveragePooling1D
                - Dense: {units: 1}
                """,
                inputs="series: {shape: [20, 4]}",
            ),
            finds=("stage.0.conv1d",),
        ),
    )
    good = (
        Example(
            "3x3 on two by two positions",
            model(
                """
                - Conv2D: {filters: 8, kernel_size: 3, padding: same, activation: relu}
                - Flatten
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [2, 2, 3]}",
            ),
        ),
        Example(
            "A wide kernel on a long sequence",
            model(
                """
                - Conv1D: {filters: 8, kernel_size: 31, padding: same, activation: relu}
                - GlobalAveragePooling1D
                - Dense: {units: 10}
                """,
                inputs="x: {shape: [64, 3]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare kernel and input along every axis."""
        for node in facts.nodes_with(Trait.CONVOLUTION):
            layer = facts.layer(node)
            kernel = getattr(layer, "kernel_size", None)
            if kernel is None or getattr(layer, "padding", "valid") == "valid":
                continue
            shape = facts.inputs(node)[0].shape
            axes = shape[1:-1] if getattr(layer, "data_format", None) != "channels_first" else shape[2:]
            kernels = kernel if isinstance(kernel, tuple) else (kernel,) * len(axes)
            dilation = getattr(layer, "dilation_rate", 1)
            dilations = dilation if isinstance(dilation, tuple) else (dilation,) * len(axes)
            if len(axes) != len(kernels) or len(dilations) != len(axes):
                continue
            causal = getattr(layer, "padding", "") == "causal"
            for size, taps, step in zip(axes, kernels, dilations, strict=True):
                extent = (taps - 1) * step + 1
                if not isinstance(size, int) or extent <= (size if causal else 2 * size - 1) or taps == 1:
                    continue
                strides = getattr(layer, "strides", 1)
                turning = max(strides) > 1 if isinstance(strides, tuple) else strides > 1
                yield Finding(
                    f"the kernel spans {extent} positions and its input has {size}: some of its weights only ever "
                    f"meet padding",
                    node=node.id,
                    argument="kernel_size",
                    alike="reach",
                    severity=Severity.INFO if turning else None,
                    help="use fewer strides or poolings before, a larger input, or a smaller kernel",
                    evidence=Evidence("extent of the kernel", float(extent), 2.0 * size - 1.0, (node.id,)),
                )
                break
