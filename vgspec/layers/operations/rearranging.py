"""Operations that move elements: reshaping, reordering, joining, splitting, repeating, padding."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import field_validator

from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import add, broadcast, floor_div, may_equal, mul, numel
from vgspec.layers.base import Call, CallArgument, ShapeError, Trait
from vgspec.layers.fields import NonNegativeInt, PositiveInt
from vgspec.layers.geometry import axis_indices
from vgspec.layers.operations.base import Axes, Number, Operation, operand, promoted

__all__ = [
    "BroadcastTo",
    "Concatenate",
    "DepthToSpace",
    "ExpandDims",
    "Flip",
    "Moveaxis",
    "Pad",
    "Ravel",
    "Repeat",
    "Reshape",
    "Roll",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Stack",
    "StackAlong",
    "Swapaxes",
    "Tile",
    "Transpose",
    "Unstack",
]


Pair = tuple[NonNegativeInt, NonNegativeInt]


class Moving(Operation):
    """Base: computes nothing, and may be applied to any dtype."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RESHAPING})
    flops: ClassVar[int] = 0

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The new shape, in the same dtype."""
        return (Tensor(self.moved(call.x), call.x.dtype),)

    def moved(self, x: Tensor) -> Shape:
        """The shape of the output."""
        raise NotImplementedError(type(self).__name__)


class Reshape(Moving):
    """Another shape for the same elements; -1 stands for the size that is left. The batch axis is counted."""

    newshape: int | tuple[int, ...]

    @field_validator("newshape")
    @classmethod
    def _sizes(cls, value: int | tuple[int, ...]) -> int | tuple[int, ...]:
        sizes = (value,) if isinstance(value, int) else value
        if any(size < -1 for size in sizes) or sizes.count(-1) > 1:
            raise ValueError(f"newshape has sizes, and -1 once at most, got {list(sizes)}")
        return value

    def moved(self, x: Tensor) -> Shape:
        """``newshape``, with -1 computed where that is possible.

        Raises:
            ShapeError: if the numbers of elements differ.
        """
        sizes = (self.newshape,) if isinstance(self.newshape, int) else self.newshape
        total = numel(x.shape)
        known = 1
        for size in sizes:
            known *= 1 if size == -1 else size
        if -1 not in sizes:
            if not may_equal(total, known):
                raise ShapeError(f"needs {known} elements for shape {list(sizes)}, got {x}", argument="newshape")
            return sizes
        if isinstance(total, int) and (known == 0 or total % known):
            raise ShapeError(f"cannot divide the elements of {x} by {known}", argument="newshape")
        rest = None if total is None or known == 0 else floor_div(total, known)  # it divides, or the call fails
        return tuple(rest if size == -1 else size for size in sizes)


class Ravel(Moving):
    """Flattens everything, the batch axis too."""

    def moved(self, x: Tensor) -> Shape:
        """One axis."""
        return (numel(x.shape),)


class Transpose(Moving):
    """Reorders the axes; reverses them where no order is given."""

    axes: tuple[int, ...] | None = None

    def moved(self, x: Tensor) -> Shape:
        """The sizes in the new order.

        Raises:
            ShapeError: if ``axes`` is no order of the input's axes.
        """
        if self.axes is None:
            return x.shape[::-1]
        order = axis_indices(self.axes, x, "axes")
        if len(order) != x.rank:
            raise ShapeError(f"needs an order of all {x.rank} axes of {x}, got {list(self.axes)}", argument="axes")
        return tuple(x.shape[axis] for axis in order)


class Swapaxes(Moving):
    """Exchanges two axes."""

    axis1: int
    axis2: int

    def moved(self, x: Tensor) -> Shape:
        """The sizes with two exchanged."""
        first, second = axis_indices(self.axis1, x, "axis1")[0], axis_indices(self.axis2, x, "axis2")[0]
        shape = list(x.shape)
        shape[first], shape[second] = shape[second], shape[first]
        return tuple(shape)


class Moveaxis(Moving):
    """Moves axes to other places; the rest keep their order."""

    source: int | tuple[int, ...]
    destination: int | tuple[int, ...]

    def moved(self, x: Tensor) -> Shape:
        """The sizes in the new order.

        Raises:
            ShapeError: if there are not as many places as axes.
        """
        sources, places = axis_indices(self.source, x, "source"), axis_indices(self.destination, x, "destination")
        if len(sources) != len(places):
            raise ShapeError(f"moves {len(sources)} axes to {len(places)} places", argument="destination")
        rest = iter(axis for axis in range(x.rank) if axis not in sources)
        to = dict(zip(places, sources, strict=True))
        return tuple(x.shape[to[place] if place in to else next(rest)] for place in range(x.rank))


class ExpandDims(Moving):
    """Adds axes of size 1; places are those of the output."""

    axis: int | tuple[int, ...]

    def moved(self, x: Tensor) -> Shape:
        """The sizes with ones put in."""
        count = len(self.axis) if isinstance(self.axis, tuple) else 1
        places = axis_indices(self.axis, Tensor((1,) * (x.rank + count)))
        rest = iter(x.shape)
        return tuple(1 if place in places else next(rest) for place in range(x.rank + count))


class Squeeze(Moving):
    """Drops axes of size 1: the given ones, or all that are known to be."""

    axis: Axes = None

    def moved(self, x: Tensor) -> Shape:
        """The sizes without those axes.

        Raises:
            ShapeError: if one is not 1.
        """
        if self.axis is None:
            return tuple(size for size in x.shape if size != 1)
        gone = axis_indices(self.axis, x)
        for axis in gone:
            if x.shape[axis] != 1:
                raise ShapeError(f"drops axis {axis} of size {x.shape[axis]}, which is not 1, of {x}", argument="axis")
        return tuple(size for axis, size in enumerate(x.shape) if axis not in gone)


class BroadcastTo(Moving):
    """Repeats along axes of size 1 until the shape is ``shape``."""

    shape: tuple[PositiveInt, ...]

    def moved(self, x: Tensor) -> Shape:
        """``shape``.

        Raises:
            ShapeError: if the input does not broadcast to it.
        """
        try:
            fits = len(self.shape) >= x.rank and broadcast(x.shape, self.shape) == self.shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(f"cannot broadcast {x} to {list(self.shape)}", argument="shape")
        return self.shape


class Flip(Moving):
    """Reverses axes."""

    axis: Axes = None

    def moved(self, x: Tensor) -> Shape:
        """The same shape."""
        if self.axis is not None:
            axis_indices(self.axis, x)
        return x.shape


class Roll(Moving):
    """Shifts the elements along axes, end around."""

    shift: int | tuple[int, ...]
    axis: Axes = None

    def moved(self, x: Tensor) -> Shape:
        """The same shape."""
        if self.axis is not None:
            axes = axis_indices(self.axis, x)
            if isinstance(self.shift, tuple) and len(self.shift) != len(axes):
                raise ShapeError(f"has {len(self.shift)} shifts for {len(axes)} axes", argument="shift")
        return x.shape


class Tile(Moving):
    """Repeats the whole input along axes."""

    repeats: NonNegativeInt | tuple[NonNegativeInt, ...]

    def moved(self, x: Tensor) -> Shape:
        """Each size times its repeats."""
        repeats = (self.repeats,) if isinstance(self.repeats, int) else self.repeats
        rank = max(x.rank, len(repeats))
        sizes = (1,) * (rank - x.rank) + x.shape
        return tuple(
            mul(size, times) for size, times in zip(sizes, (1,) * (rank - len(repeats)) + repeats, strict=True)
        )


class Repeat(Moving):
    """Repeats each element along an axis, or of the flattened input."""

    repeats: NonNegativeInt | tuple[NonNegativeInt, ...]
    axis: int | None = None

    def moved(self, x: Tensor) -> Shape:
        """The axis times its repeats.

        Raises:
            ShapeError: if a list of repeats has not one number per element.
        """
        axis = 0 if self.axis is None else axis_indices(self.axis, x)[0]
        shape: Shape = (numel(x.shape),) if self.axis is None else x.shape
        size = shape[axis]
        if isinstance(self.repeats, int) or len(self.repeats) == 1:
            times = self.repeats if isinstance(self.repeats, int) else self.repeats[0]
            size = mul(size, times)
        elif not may_equal(size, len(self.repeats)):
            raise ShapeError(f"has {len(self.repeats)} repeats for {size} elements of {x}", argument="repeats")
        else:
            size = sum(self.repeats) if isinstance(size, int) else None
        return (*shape[:axis], size, *shape[axis + 1 :])


class Pad(Moving):
    """Adds elements before and after, along each axis; a number or one pair is for an input of one axis."""

    keras_parameters: ClassVar[tuple[str, ...]] = ("x", "constant_values")

    pad_width: NonNegativeInt | Pair | tuple[Pair, ...]
    mode: Literal["constant", "reflect", "symmetric"] = "constant"
    constant_values: Number | None = None

    def moved(self, x: Tensor) -> Shape:
        """Each size with its padding.

        Raises:
            ShapeError: if there is not one pair per axis, or a mirrored padding is wider than its axis.
        """
        if self.constant_values is not None and self.mode != "constant":
            raise ShapeError(f"takes constant_values in the mode 'constant', got '{self.mode}'", argument="mode")
        pairs = self._padding()
        if len(pairs) != x.rank:
            raise ShapeError(f"needs one pair per axis of {x}, got {len(pairs)}", argument="pad_width")
        for size, pair in zip(x.shape, pairs, strict=True):
            limit = size - (self.mode == "reflect") if isinstance(size, int) else None
            if self.mode != "constant" and limit is not None and max(pair) > limit:
                raise ShapeError(f"cannot mirror {max(pair)} of an axis of size {size} of {x}", argument="pad_width")
        return tuple(add(size, sum(pair)) for size, pair in zip(x.shape, pairs, strict=True))

    def _padding(self) -> tuple[tuple[int, int], ...]:
        if isinstance(self.pad_width, int):
            return ((self.pad_width, self.pad_width),)
        pairs = tuple(item for item in self.pad_width if isinstance(item, tuple))
        if not pairs:
            before, after = (item for item in self.pad_width if isinstance(item, int))
            pairs = ((before, after),)
        return pairs


class Joining(Operation):
    """Base of the operations that put tensors together."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("xs", many=True),)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING})
    flops: ClassVar[int] = 0

    @staticmethod
    def check_alike(xs: tuple[Tensor, ...], axis: int | None) -> None:
        """Refuse tensors that differ in rank, or in the size of another axis.

        Raises:
            ShapeError: naming the inputs.
        """
        found = " and ".join(str(x) for x in xs)
        if len({x.rank for x in xs}) > 1:
            raise ShapeError(f"needs inputs of one rank, got {found}")
        for index in range(xs[0].rank):
            sizes = {x.shape[index] for x in xs if isinstance(x.shape[index], int)}
            if index != axis and (len(sizes) > 1 or not all(may_equal(xs[0].shape[index], x.shape[index]) for x in xs)):
                raise ShapeError(f"needs inputs of one size of axis {index}, got {found}")


def joined(xs: tuple[Tensor, ...], axis: int) -> Tensor:
    """Tensors side by side along an axis."""
    Joining.check_alike(xs, axis)
    total = reduce(add, (x.shape[axis] for x in xs))
    return Tensor((*xs[0].shape[:axis], total, *xs[0].shape[axis + 1 :]), promoted(xs))


class Concatenate(Joining):
    """The inputs side by side along an axis."""

    axis: int = 0

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The sizes along the axis added up."""
        (axis,) = axis_indices(self.axis, call.xs[0])
        return (joined(call.xs, axis),)


class StackAlong(Joining):
    """The inputs side by side along a fixed axis."""

    along: ClassVar[int] = 0

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The sizes along the axis added up."""
        (axis,) = axis_indices(self.along, call.xs[0])
        return (joined(call.xs, axis),)


class Stack(Joining):
    """The inputs along a new axis."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x", many=True),)

    axis: int = 0

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """A new axis, as long as there are inputs."""
        xs = call.xs
        self.check_alike(xs, None)
        (axis,) = axis_indices(self.axis, Tensor((1, *xs[0].shape)))
        return (Tensor((*xs[0].shape[:axis], len(xs), *xs[0].shape[axis:]), promoted(xs)),)


class Split(Operation):
    """Equal parts along an axis, or parts between given indices."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RESHAPING})
    flops: ClassVar[int] = 0

    indices_or_sections: PositiveInt | tuple[NonNegativeInt, ...]
    axis: int = 0

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """One tensor per part."""
        x = call.x
        (axis,) = axis_indices(self.axis, x)
        size = x.shape[axis]
        parts: list[Dim]
        if isinstance(self.indices_or_sections, int):
            count = self.indices_or_sections
            if isinstance(size, int) and size % count:
                raise ShapeError(f"cannot split axis {axis} of {x} into {count} parts", argument="indices_or_sections")
            parts = [floor_div(size, count)] * count  # it divides, or the call fails
        else:
            edges = (0, *self.indices_or_sections)
            if any(a > b for a, b in pairwise(edges)):
                raise ShapeError("needs indices in ascending order", argument="indices_or_sections")
            if isinstance(size, int) and edges[-1] > size:
                raise ShapeError(f"splits at {edges[-1]} an axis of size {size} of {x}", argument="indices_or_sections")
            parts = [b - a for a, b in pairwise(edges)]
            parts.append(size - edges[-1] if isinstance(size, int) else None)
        return tuple(Tensor((*x.shape[:axis], part, *x.shape[axis + 1 :]), x.dtype) for part in parts)


class Unstack(Operation):
    """The slices of an axis, as so many tensors."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RESHAPING})
    flops: ClassVar[int] = 0

    num: PositiveInt | None = None
    axis: int = 0

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """One tensor per slice."""
        x = call.x
        (axis,) = axis_indices(self.axis, x)
        size = x.shape[axis]
        count = self.num if self.num is not None else size
        if not isinstance(count, int):
            raise ShapeError(f"needs a known size of axis {axis}, or num, got {x}", argument="num")
        if not may_equal(count, size):
            raise ShapeError(f"takes {count} slices of an axis of size {size} of {x}", argument="num")
        return (Tensor((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype),) * count


class _Blocks(Moving):
    """Base of the exchanges between channels and blocks of pixels."""

    block_size: PositiveInt
    data_format: Literal["channels_last", "channels_first"] = "channels_last"

    def axes(self, x: Tensor) -> tuple[int, int, int]:
        """The axes of height, width and channels.

        Raises:
            ShapeError: unless the input is a batch of images.
        """
        if x.rank != 4:
            raise ShapeError(f"needs a batch of images (rank 4), got {x}")
        return (1, 2, 3) if self.data_format == "channels_last" else (2, 3, 1)

    def divided(self, size: Dim, by: int, x: Tensor) -> Dim:
        """A size divided exactly.

        Raises:
            ShapeError: if it leaves a rest.
        """
        if isinstance(size, int) and size % by:
            raise ShapeError(f"cannot divide an axis of size {size} by {by}, got {x}", argument="block_size")
        return floor_div(size, by)  # it divides, or the call fails


class DepthToSpace(_Blocks):
    """Turns channels into blocks of pixels."""

    def moved(self, x: Tensor) -> Shape:
        """Height and width times ``block_size``, channels divided by its square."""
        height, width, depth = self.axes(x)
        shape = list(x.shape)
        shape[height], shape[width] = mul(shape[height], self.block_size), mul(shape[width], self.block_size)
        shape[depth] = self.divided(shape[depth], self.block_size**2, x)
        return tuple(shape)


class SpaceToDepth(_Blocks):
    """Turns blocks of pixels into channels."""

    def moved(self, x: Tensor) -> Shape:
        """Height and width divided by ``block_size``, channels times its square."""
        height, width, depth = self.axes(x)
        shape = list(x.shape)
        for axis in (height, width):
            shape[axis] = self.divided(shape[axis], self.block_size, x)
        shape[depth] = mul(shape[depth], self.block_size**2)
        return tuple(shape)
