"""VG722: uneven-transposed-convolution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vgspec.diagnostics import Severity
from vgspec.layers.base import Trait
from vgspec.lint.rule import Example, Finding, Rule, model

if TYPE_CHECKING:
    from vgspec.lint.facts import Facts

__all__ = ["UnevenTransposedConvolution"]


class UnevenTransposedConvolution(Rule):
    """A transposed convolution whose window is no multiple of its stride.

    ## What it does

    Finds transposed convolutions with a stride above one along an axis on which the size of the window cannot be
    divided by it.

    ## Why is this bad?

    Some positions of the output get contributions from more windows than their neighbours: a pattern like a
    chessboard, which training has to learn away, and which stays visible in generated images.

    ## Use instead

    A window that is a multiple of the stride (4 for a stride of 2), or `UpSampling2D` before a convolution.

    ## Fix safety

    There is no automatic fix: another window is another set of weights.

    ## References

    - Odena et al. 2016, Deconvolution and checkerboard artifacts
    """

    code = "VG722"
    name = "uneven-transposed-convolution"
    group = "structure"
    severity = Severity.INFO
    bad = (
        Example(
            "A window of three that moves by two",
            model(
                "- Conv2DTranspose: {filters: 8, kernel_size: 3, strides: 2, padding: same, activation: relu}\n"
                "- Conv2D: {filters: 3, kernel_size: 3, padding: same}",
                inputs="x: {shape: [8, 8, 4]}",
            ),
            finds=("conv2d_transpose",),
        ),
        Example(
            "A window of five that moves by two and three, in a block",
            model(
                """
                - id: up
                  repeat: 2
                  body: [{Conv1DTranspose: {filters: 8, kernel_size: 5, strides: 3, padding: same, activation: relu}}]
                - Conv1D: {filters: 1, kernel_size: 3, padding: same}
                """,
                inputs="code: {shape: [16, 4]}",
            ),
            finds=("up.0.conv1d_transpose",),
        ),
    )
    good = (
        Example(
            "A window of four that moves by two",
            model(
                "- Conv2DTranspose: {filters: 8, kernel_size: 4, strides: 2, padding: same, activation: relu}\n"
                "- Conv2D: {filters: 3, kernel_size: 3, padding: same}",
                inputs="x: {shape: [8, 8, 4]}",
            ),
        ),
        Example(
            "A window of three that moves by one",
            model(
                "- Conv2DTranspose: {filters: 8, kernel_size: 3, padding: same, activation: relu}\n"
                "- Conv2D: {filters: 3, kernel_size: 3, padding: same}",
                inputs="x: {shape: [8, 8, 4]}",
            ),
        ),
    )

    def check(self, facts: Facts) -> Iterator[Finding]:
        """Compare windows with strides."""
        for node in facts.nodes_with(Trait.KERNEL):
            layer = facts.layer(node)
            if not layer.type_name.endswith("Transpose"):
                continue
            window, strides = (_sizes(getattr(layer, name, ())) for name in ("kernel_size", "strides"))
            for size, stride in zip(window, strides, strict=False):
                if stride > 1 and size % stride:
                    yield Finding(
                        f"the window of {size} is no multiple of the stride of {stride}: neighbouring outputs get "
                        f"unequal shares",
                        node=node.id,
                        argument="kernel_size",
                        help=f"use a window of {-(-size // stride) * stride}, or UpSampling and a convolution",
                    )
                    break


def _sizes(value: object) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) if isinstance(value, int) else ()
