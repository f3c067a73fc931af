"""VG710: stride-larger-than-kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["StrideLargerThanKernel"]


class StrideLargerThanKernel(Rule):
    """A window moves further than it is wide, so part of its input is never looked at.

    ## What it does

    Compares the stride of convolutions and poolings with the extent of their window. Windows of one position are left
    alone: a strided 1x1 convolution is a known way to make a shortcut smaller.

    ## Why is this bad?

    What lies between two windows has no influence on the output and gets no gradient.

    ## Use instead

    A stride not above the size of the window.

    ## Fix safety

    There is no automatic fix: another stride gives another shape.

    ## References

    - Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning
    """

    code = "VG710"
    name = "stride-larger-than-kernel"
    group = "structure"
    bad = (
        Example(
            "Steps of four, windows of two",
            model(
                """
                - Conv2D: {filters: 8, kernel_size: 2, strides: 4, activation: relu}
                - Flatten
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [32, 32, 3]}",
            ),
            finds=("conv2d",),
        ),
        Example(
            "A pooling with gaps",
            model(
                "- MaxPooling1D: {pool_size: 2, strides: 3}\n- Flatten\n- Dense: {units: 10}",
                inputs="x: {shape: [32, 3]}",
            ),
            finds=("max_pooling1d",),
        ),
    )
    good = (
        Example(
            "A strided shortcut",
            model(
                """
                - Conv2D: {filters: 8, kernel_size: 1, strides: 2}
                - ReLU
                - GlobalAveragePooling2D
                - Dense: {units: 10}
                """,
                inputs="image: {shape: [32, 32, 3]}",
            ),
        ),
        Example(
            "Patches",
            model(
                "- Conv2D: {filters: 8, kernel_size: 4, strides: 4}\n- GlobalAveragePooling2D\n- Dense: {units: 10}",
                inputs="image: {shape: [32, 32, 3]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare window and stride along every axis."""
        for node in facts.nodes_with(Trait.CONVOLUTION, Trait.POOLING):
            layer = facts.layer(node)
            window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
            strides = getattr(layer, "strides", None)
            if window is None or strides is None or any(getattr(s, "transposed", False) for s in facts.steps(node)):
                continue
            windows = window if isinstance(window, tuple) else (window,)
            steps = strides if isinstance(strides, tuple) else (strides,) * len(windows)
            dilation = getattr(layer, "dilation_rate", 1)
            dilations = dilation if isinstance(dilation, tuple) else (dilation,) * len(windows)
            if len(windows) < len(steps):
                windows = windows * len(steps)
            for taps, step, apart in zip(windows, steps, dilations * len(windows), strict=False):
                extent = (taps - 1) * apart + 1
                if taps > 1 and step > extent:
                    yield Finding(
                        f"the window of {taps} moves by {step}: what lies between is never looked at",
                        node=node.id,
                        argument="strides",
                        help="use a stride not above the size of the window",
                    )
                    break
