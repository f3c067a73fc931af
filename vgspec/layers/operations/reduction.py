"""Families of operations that reduce axes to one value."""

from __future__ import annotations

from typing import ClassVar, Literal

from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import may_equal, mul
from vgspec.layers.base import Call, CallArgument, ShapeError
from vgspec.layers.dtypes import DType, is_floating
from vgspec.layers.geometry import axis_indices
from vgspec.layers.operations.base import Axes, Number, Operand, Operation, operand, per_sample, promoted, to_floating

__all__ = ["Arg", "Average", "Count", "Moments", "Norm", "Product", "Reduction", "WithInitial", "reduced"]

Summed = Literal["same", "sum", "float", "int32", "bool", "float32"]
"""The output's dtype: the input's; the input's with small integers widened; its floating type; or a fixed one."""

_WIDENED = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}


def reduced(x: Tensor, axes: Axes, keepdims: bool) -> Shape:
    """The shape that is left after reducing some axes, or all of them.

    Raises:
        ShapeError: if ``x`` lacks one.
    """
    gone = set(range(x.rank) if axes is None else axis_indices(axes, x))
    if keepdims:
        return tuple(1 if index in gone else size for index, size in enumerate(x.shape))
    return tuple(size for index, size in enumerate(x.shape) if index not in gone)


class Reducing(Operation):
    """Base of the reductions."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)
    result: ClassVar[Summed] = "same"

    def output_dtype(self, x: Tensor) -> str:
        """The output's dtype by the operation's rule.

        Raises:
            ShapeError: for strings.
        """
        if x.dtype == "string":
            raise ShapeError(f"needs numbers, got {x}")
        if self.result in ("int32", "bool", "float32"):
            return self.result
        if self.result == "sum":
            return _WIDENED.get(x.dtype, x.dtype)
        return x.dtype if self.result == "same" else to_floating(x)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """`flops` for each element of the input."""
        return mul(self.flops, per_sample(call.x.shape))


class Reduction(Reducing):
    """Reduces ``axis``, one or several, or all axes."""

    axis: Axes = None
    keepdims: bool = False

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape without the reduced axes."""
        return (Tensor(reduced(call.x, self.axis, self.keepdims), self.output_dtype(call.x)),)


class WithInitial(Reduction):
    """A maximum or minimum with a first candidate."""

    initial: Number | None = None


class Product(Reduction):
    """A product, in another dtype where one is given."""

    common_fields: ClassVar[tuple[str, ...]] = ("trainable",)
    takes_dtype: ClassVar[bool] = True
    result: ClassVar[Summed] = "sum"

    dtype: DType | None = None

    def output_dtype(self, x: Tensor) -> str:
        """``dtype``, or the input's with small integers widened."""
        return self.dtype or super().output_dtype(x)


class Arg(Reducing):
    """The place of the largest or smallest element along one axis, or in the flattened input."""

    result: ClassVar[Summed] = "int32"

    axis: int | None = None
    keepdims: bool = False

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape without the axis."""
        return (Tensor(reduced(call.x, self.axis, self.keepdims), self.output_dtype(call.x)),)


class Count(Reducing):
    """The number of elements that are not zero."""

    result: ClassVar[Summed] = "int32"

    axis: Axes = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape without the reduced axes."""
        return (Tensor(reduced(call.x, self.axis, False), self.output_dtype(call.x)),)


class Norm(Reducing):
    """A vector norm along one axis, or a matrix norm along two."""

    result: ClassVar[Summed] = "float"
    flops: ClassVar[int] = 2

    ord: int | float | Literal["fro", "nuc"] | None = None
    axis: Axes = None
    keepdims: bool = False

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape without the reduced axes."""
        x = call.x
        axes = tuple(range(x.rank)) if self.axis is None else axis_indices(self.axis, x)
        if self.ord is not None and len(axes) > 2:
            raise ShapeError(f"takes the norm of vectors or matrices, got {len(axes)} axes", argument="axis")
        if isinstance(self.ord, str) and len(axes) == 1:
            raise ShapeError(f"takes {self.ord!r} for matrices only", argument="ord")
        if len(axes) == 2 and self.ord not in (None, "fro", "nuc", float("inf"), float("-inf"), 1, -1, 2, -2):
            raise ShapeError(f"has no matrix norm of order {self.ord}", argument="ord")
        return (Tensor(reduced(x, self.axis, self.keepdims), self.output_dtype(x)),)


class Moments(Operation):
    """Mean and variance."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)
    flops: ClassVar[int] = 4

    axes: int | tuple[int, ...]
    keepdims: bool = False
    synchronized: bool = False

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Two tensors of the input's shape without the reduced axes."""
        x = call.x
        if not is_floating(x.dtype):
            raise ShapeError(f"needs a floating-point input, got {x}")
        found = Tensor(reduced(x, self.axes, self.keepdims), x.dtype)
        return (found, found)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Four for each element of the input."""
        return mul(self.flops, per_sample(call.x.shape))


class Average(Reducing):
    """A mean, weighted if ``weights`` are given."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"), operand("weights", required=False))

    axis: int | None = None
    weights: Operand = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The input's shape without the axis, in a floating dtype."""
        x, weights = self.operand(call, "x"), self.find(call, "weights")
        shape = reduced(x, self.axis, False)
        if weights is None:
            return (Tensor(shape, promoted((x,), "float")),)
        whole = len(weights.shape) == x.rank and all(map(may_equal, weights.shape, x.shape))
        single = self.axis is not None and weights.rank == 1 and may_equal(weights.shape[0], x.shape[self.axis])
        if not whole and not single:
            raise ShapeError(f"needs weights of the shape of its input {x} or of its axis, got {weights}")
        return (Tensor(shape, promoted((x, weights), "float")),)
