"""Layers that combine several tensors into one."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, ClassVar

from vgspec.ir import Dim, Shape, Tensor, format_shape
from vgspec.ir.dims import add, may_equal, mul, numel
from vgspec.layers.base import Call, CallArgument, Layer, ShapeError, Trait
from vgspec.layers.sizes import declared_dtype, input_list, normalize_axis, same_in_keras

if TYPE_CHECKING:
    from vgspec.layers.signal import Rule

__all__ = [
    "LAYERS",
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Merge",
    "Minimum",
    "Multiply",
    "Subtract",
    "merge_shapes",
]


def merge_shapes(shapes: tuple[Shape, ...]) -> Shape:
    """The shape of an element-wise combination; batch axes agree, the others are broadcast from the last one on.

    Where one size is a number above one and the other is not known, the result is unknown, as it is to
    Keras: a layer that needs the number could not be built.

    Raises:
        ValueError: if two sizes cannot be broadcast together.
    """
    batches = dict.fromkeys(shape[0] for shape in shapes)
    known = [size for size in batches if isinstance(size, int)]
    if len(known) > 1:
        raise ValueError(f"batch sizes {known[0]} and {known[1]} differ")
    batch = known[0] if known else next(iter(batches)) if len(batches) == 1 else None
    return (batch, *reduce(_broadcast, (shape[1:] for shape in shapes)))


def _broadcast(a: Shape, b: Shape) -> Shape:
    rank = max(len(a), len(b))
    left, right = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    return tuple(_broadcast_size(x, y) for x, y in zip(left, right, strict=True))


def _broadcast_size(a: Dim, b: Dim) -> Dim:
    if a == b or b == 1:
        return a
    if a == 1:
        return b
    if not may_equal(a, b):
        raise ValueError(f"sizes {a} and {b} cannot be broadcast together")
    return None


def _shapes(xs: tuple[Tensor, ...]) -> str:
    return ", ".join(format_shape(x.shape) for x in xs)


class Merge(Layer):
    """Base of the element-wise merging layers."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = (CallArgument("inputs", many=True),)
    operations: ClassVar[int] = 0
    """Operations for one element of the output beyond the one for every further input."""

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shapes broadcast together; the batch sizes must agree."""
        xs = input_list(call)
        if any(x.rank < 1 for x in xs):
            raise ShapeError(f"needs inputs with a batch axis, got shapes {_shapes(xs)}")
        try:
            shape = merge_shapes(tuple(x.shape for x in xs))
        except ValueError as error:
            raise ShapeError(f"needs inputs of matching shapes, got {_shapes(xs)}", notes=(str(error),)) from None
        return (Tensor(shape, declared_dtype(self, xs, numeric=True)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """One for every further input and element of the output."""
        return mul(len(call.xs) - 1 + self.operations, numel(outputs[0].shape[1:]))


class Add(Merge):
    """Sum of the inputs."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING, Trait.ADDITIVE})

    def signal_rule(self, call: Call) -> Rule:
        """Element by element."""
        from vgspec.layers import signal

        return (signal.Combine("add"),)


class Subtract(Merge):
    """Difference of two inputs."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING, Trait.ADDITIVE})

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shapes of exactly two inputs, broadcast together."""
        if len(xs := input_list(call)) != 2:
            raise ShapeError(f"takes exactly two inputs, got {len(xs)}")
        return super().infer_outputs(call)

    def signal_rule(self, call: Call) -> Rule:
        """Element by element."""
        from vgspec.layers import signal

        return (signal.Combine("subtract"),)


class Multiply(Merge):
    """Product of the inputs, element by element."""

    def signal_rule(self, call: Call) -> Rule:
        """Element by element."""
        from vgspec.layers import signal

        return (signal.Combine("multiply"),)


class Average(Merge):
    """Mean of the inputs, element by element."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING, Trait.ADDITIVE})
    operations: ClassVar[int] = 1

    def signal_rule(self, call: Call) -> Rule:
        """Element by element."""
        from vgspec.layers import signal

        return (signal.Combine("average"),)


class Maximum(Merge):
    """Largest of the inputs, element by element."""

    def signal_rule(self, call: Call) -> Rule:
        """Element by element."""
        from vgspec.layers import signal

        return (signal.Combine("maximum"),)


class Minimum(Merge):
    """Smallest of the inputs, element by element."""

    def signal_rule(self, call: Call) -> Rule:
        """Element by element."""
        from vgspec.layers import signal

        return (signal.Combine("minimum"),)


class Concatenate(Layer):
    """The inputs side by side along ``axis``; all other sizes must agree."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = Merge.call_arguments

    axis: int = -1

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The first input's shape with the sizes along ``axis`` added up."""
        xs = input_list(call)
        first, *rest = xs
        axis = normalize_axis(self.axis, first, "axis")
        for x in rest:
            if x.rank != first.rank:
                raise ShapeError(f"needs inputs of one rank, got shapes {_shapes(xs)}")
            for index, (a, b) in enumerate(zip(first.shape, x.shape, strict=True)):
                if index != axis and not may_equal(a, b):
                    raise ShapeError(f"needs inputs that differ along axis {axis} only, got shapes {_shapes(xs)}")
        self._check_numbers(xs, axis)
        total = reduce(add, (x.shape[axis] for x in xs))
        shape = (*first.shape[:axis], total, *first.shape[axis + 1 :])
        return (Tensor(shape, declared_dtype(self, xs)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """None: it moves elements."""
        return 0

    @staticmethod
    def _check_numbers(xs: tuple[Tensor, ...], axis: int) -> None:
        """Compare all known sizes: an unknown one in the first input must not hide a mismatch of two others."""
        for index in range(xs[0].rank):
            if index != axis and len(sizes := {x.shape[index] for x in xs if isinstance(x.shape[index], int)}) > 1:
                found = " and ".join(map(str, sorted(size for size in sizes if isinstance(size, int))))
                raise ShapeError(f"needs one size of axis {index}, got {found} in shapes {_shapes(xs)}")

    def signal_rule(self, call: Call) -> Rule:
        """Joined along an axis."""
        from vgspec.layers import signal

        return (signal.Concatenate(self.axis),)


class Dot(Layer):
    """Sum of products of two inputs along one axis of each, batch element by batch element."""

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING})
    call_arguments: ClassVar[tuple[CallArgument, ...]] = Merge.call_arguments
    supports_masking: ClassVar[bool] = False

    axes: int | tuple[int, int]
    normalize: bool = False

    def contracted(self, call: Call) -> tuple[int, int]:
        """The axis of each input that is summed over.

        Raises:
            ShapeError: if an input has no such axis.
        """
        x, y = input_list(call)
        a, b = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return normalize_axis(a, x, "axes", batch=False), normalize_axis(b, y, "axes", batch=False)

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The remaining axes of the first input, then those of the second; a last axis of one if none remain."""
        xs = input_list(call)
        if len(xs) != 2:
            raise ShapeError(f"takes exactly two inputs, got {len(xs)}")
        x, y = xs
        if x.rank < 2 or y.rank < 2:
            raise ShapeError(f"needs inputs of rank 2 or more, got shapes {_shapes(xs)}")
        a, b = self.contracted(call)
        if not may_equal(x.shape[0], y.shape[0]):
            raise ShapeError(f"needs one batch size, got shapes {_shapes(xs)}")
        if not same_in_keras(x.shape[a], y.shape[b]):
            raise ShapeError(
                f"needs one size of axis {a} of the first and axis {b} of the second input, got shapes {_shapes(xs)}",
                argument="axes",
            )
        shape = (*x.shape[:a], *x.shape[a + 1 :], *y.shape[1:b], *y.shape[b + 1 :])
        return (Tensor(shape if len(shape) > 1 else (*shape, 1), declared_dtype(self, xs, numeric=True)),)

    def flop_count(self, call: Call, outputs: tuple[Tensor, ...]) -> Dim:
        """Two for every product; with ``normalize``, three more for every element of the inputs."""
        axis, _ = self.contracted(call)
        products = mul(numel(outputs[0].shape[1:]), mul(2, call.xs[0].shape[axis]))
        if not self.normalize:
            return products
        return add(products, mul(3, add(numel(call.xs[0].shape[1:]), numel(call.xs[1].shape[1:]))))

    def signal_rule(self, call: Call) -> Rule:
        """Sums of products along one axis of each."""
        from vgspec.layers import signal

        return (signal.DotProduct(self.contracted(call), self.normalize),)


LAYERS: tuple[type[Layer], ...] = (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
