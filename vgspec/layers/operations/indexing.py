"""Operations that pick elements: slices, gathers, one-hot vectors, the largest ones.

A key of ``get_item`` is written as in NumPy, item by item: an integer, ``"start:stop:step"`` for a slice,
``"..."`` for the axes in between, and null for a new axis. ``x[:, 0, ..., None]`` is
``ops.get_item: {key: [":", 0, "...", null]}``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator

from vgspec.ir import Dim, Shape, Tensor
from vgspec.ir.dims import broadcast_dim, numel, sub
from vgspec.layers.base import Call, CallArgument, ShapeError, Trait
from vgspec.layers.dtypes import DType, is_floating, is_integer
from vgspec.layers.fields import PositiveInt
from vgspec.layers.geometry import axis_indices
from vgspec.layers.operations.base import Array, Operation, operand

__all__ = ["GetItem", "OneHot", "Slice", "SliceUpdate", "Take", "TakeAlongAxis", "TopK", "key_item", "key_text"]

ELLIPSIS = "..."
_SLICE = re.compile(r"(-?\d+)?:(-?\d+)?(?::(-?\d+)?)?")
MAX_INDEX = 2**31


def parse_slice(text: str) -> tuple[int | None, int | None, int | None]:
    """The parts of ``start:stop:step``.

    Raises:
        ValueError: if the text is none, or the step is zero.
    """
    match = _SLICE.fullmatch(text.replace(" ", ""))
    if match is None:
        raise ValueError(f"{text!r} is no slice: write start:stop or start:stop:step, each part an integer or empty")
    start, stop, step = (None if part is None else int(part) for part in match.groups())
    if step == 0:
        raise ValueError(f"the step of {text!r} is zero")
    if any(abs(part or 0) >= MAX_INDEX for part in (start, stop, step)):
        raise ValueError(f"an index of {text!r} is too large")
    return start, stop, step


def slice_text(start: int | None, stop: int | None, step: int | None) -> str:
    """The canonical text of a slice: a step of 1 is left out."""
    text = f"{'' if start is None else start}:{'' if stop is None else stop}"
    return text if step in (None, 1) else f"{text}:{step}"


def _item(value: Any) -> Any:
    if not isinstance(value, str) or value == ELLIPSIS:
        return value
    return slice_text(*parse_slice(value))


def _key(value: Any) -> Any:
    """A key of one item may be written without the list."""
    return value if isinstance(value, tuple | list) else (value,)


def _one_ellipsis(value: tuple[int | str | None, ...]) -> tuple[int | str | None, ...]:
    if value.count(ELLIPSIS) > 1:
        raise ValueError("a key has at most one '...'")
    return value


KeyItem = Annotated[int | str | None, AfterValidator(_item)]
Key = Annotated[tuple[KeyItem, ...], BeforeValidator(_key), AfterValidator(_one_ellipsis)]


def key_item(text: int | str | None) -> Any:
    """The Python object that an item of a key stands for: an int, a slice, ``...`` or None."""
    if not isinstance(text, str):
        return text
    return ... if text == ELLIPSIS else slice(*parse_slice(text))


def key_text(item: Any) -> int | str | None:
    """How a spec writes an item of a Python key; the inverse of `key_item`.

    Raises:
        ValueError: for anything but an int, a slice of ints, ``...`` and None.
    """
    if item is None or (isinstance(item, int) and not isinstance(item, bool)):
        return item
    if item is ...:
        return ELLIPSIS
    if isinstance(item, slice) and all(
        part is None or type(part) is int for part in (item.start, item.stop, item.step)
    ):
        return slice_text(item.start, item.stop, item.step)
    raise ValueError(f"{item!r} cannot be written as data")


class GetItem(Operation):
    """``x[key]``, with integers, slices, ``...`` and new axes."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)
    keras_parameters: ClassVar[tuple[str, ...]] = ("x", "key")
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RESHAPING})
    flops: ClassVar[int] = 0

    key: Key

    def keras_value(self, name: str) -> Any:
        """The key as a tuple of integers, slices, ``...`` and None."""
        return tuple(key_item(item) for item in self.key) if name == "key" else super().keras_value(name)

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Integers drop an axis, slices shorten it, null adds one."""
        x = call.x
        items = self.key if ELLIPSIS in self.key else (*self.key, ELLIPSIS)
        used = sum(item is not None and item != ELLIPSIS for item in items)
        if used > x.rank:
            raise ShapeError(f"has {used} indices for {x}", argument="key")
        shape: list[Dim] = []
        axis = 0
        for item in items:
            if item is None:
                shape.append(1)
            elif item == ELLIPSIS:
                shape += x.shape[axis : axis + x.rank - used]
                axis += x.rank - used
            else:
                shape += _picked(item, x.shape[axis], x)
                axis += 1
        return (Tensor(tuple(shape), x.dtype),)


def _picked(item: int | str, size: Dim, x: Tensor) -> tuple[Dim, ...]:
    if isinstance(item, int):
        if isinstance(size, int) and not -size <= item < size:
            raise ShapeError(f"index {item} is outside an axis of size {size} of {x}", argument="key")
        return ()
    start, stop, step = parse_slice(item)
    if isinstance(size, int):
        return (len(range(*slice(start, stop, step).indices(size))),)
    whole = start in (None, 0) and stop is None and step in (None, 1)
    return (size if whole or (start is None and stop is None and step == -1) else None,)


class Slice(Operation):
    """A block of given shape from given starting indices; -1 takes the rest of an axis."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("inputs"), operand("start_indices"))
    keras_parameters: ClassVar[tuple[str, ...]] = ("inputs", "start_indices", "shape")
    plain_lists: ClassVar[tuple[str, ...]] = ("start_indices",)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RESHAPING})
    flops: ClassVar[int] = 0

    start_indices: tuple[int, ...] | None = None
    shape: tuple[int, ...]

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """``shape``."""
        x, start = self.operand(call, "inputs"), self.operand(call, "start_indices")
        if len(self.shape) != x.rank:
            raise ShapeError(f"needs one size per axis of {x}, got {len(self.shape)}", argument="shape")
        if start.rank != 1 or start.shape[0] not in (None, x.rank):
            raise ShapeError(f"needs one starting index per axis of {x}, got {start}", argument="start_indices")
        starts = self.start_indices or (None,) * x.rank
        sizes = tuple(self._size(*row) for row in zip(x.shape, self.shape, starts, strict=True))
        return (Tensor(sizes, x.dtype),)

    def _size(self, size: Dim, wanted: int, start: int | None) -> Dim:
        if start is not None and start < 0:
            raise ShapeError(f"starts at a negative index {start}", argument="start_indices")
        if wanted < -1 or (isinstance(size, int) and (start or 0) + max(wanted, 0) > size):
            raise ShapeError(f"takes {wanted} from index {start or 0} of an axis of size {size}", argument="shape")
        if wanted != -1:
            return wanted
        return sub(size, start) if isinstance(size, int) and start is not None else None


class SliceUpdate(Operation):
    """The input with a block replaced, from given starting indices."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (
        operand("inputs"),
        operand("start_indices"),
        operand("updates"),
    )
    plain_lists: ClassVar[tuple[str, ...]] = ("start_indices",)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.MERGING})
    flops: ClassVar[int] = 0

    start_indices: tuple[int, ...] | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The type of the input."""
        x, start, block = (self.operand(call, name) for name in ("inputs", "start_indices", "updates"))
        if block.rank != x.rank or start.rank != 1 or start.shape[0] not in (None, x.rank):
            raise ShapeError(f"needs a block and starting indices for all axes of {x}, got {block} and {start}")
        starts = self.start_indices or (0,) * x.rank
        for size, part, index in zip(x.shape, block.shape, starts, strict=True):
            if isinstance(size, int) and isinstance(part, int) and index + part > size:
                raise ShapeError(f"has no room for {block} from {list(starts)} in {x}", argument="start_indices")
        return (x,)


class Take(Operation):
    """The elements of ``x`` at some indices along an axis, or of the flattened input."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"), operand("indices"))
    plain_lists: ClassVar[tuple[str, ...]] = ("indices",)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RESHAPING})
    flops: ClassVar[int] = 0

    indices: int | Array | None = None
    axis: int | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of ``x`` with the axis replaced by the shape of the indices."""
        x, indices = self.operand(call, "x"), self.operand(call, "indices")
        if indices.dtype != "int" and not is_integer(indices.dtype):
            raise ShapeError(f"needs integer indices, got {indices}")
        if self.axis is None:
            return (Tensor(indices.shape, x.dtype),)
        (axis,) = axis_indices(self.axis, x)
        return (Tensor((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype),)


class TakeAlongAxis(Operation):
    """The elements of ``x`` at indices that are given for every place."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"), operand("indices"))
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.RESHAPING})
    flops: ClassVar[int] = 0

    axis: int | None = None

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The broadcast shape of both, the axis aside, which is that of the indices."""
        x, indices = self.operand(call, "x"), self.operand(call, "indices")
        if not is_integer(indices.dtype):
            raise ShapeError(f"needs integer indices, got {indices}")
        shape: Shape = (numel(x.shape),) if self.axis is None else x.shape
        if len(shape) != indices.rank:
            raise ShapeError(f"needs indices of rank {len(shape)}, got {indices}")
        axis = 0 if self.axis is None else axis_indices(self.axis, x)[0]
        try:
            found = tuple(
                b if index == axis else broadcast_dim(a, b)
                for index, (a, b) in enumerate(zip(shape, indices.shape, strict=True))
            )
        except ValueError as error:
            raise ShapeError(f"cannot match indices {indices} with {x}", notes=(str(error),)) from None
        return (Tensor(found, x.dtype),)


class TopK(Operation):
    """The ``k`` largest elements of the last axis, and their indices."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)

    k: PositiveInt
    sorted: bool = True

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """Values and int32 indices."""
        x = call.x
        if x.rank < 1 or x.dtype in ("string", "bool"):
            raise ShapeError(f"needs numbers along an axis, got {x}")
        size = x.shape[-1]
        if isinstance(size, int) and self.k > size:
            raise ShapeError(f"takes {self.k} of a last axis of size {size}", argument="k")
        shape = (*x.shape[:-1], self.k)
        return (Tensor(shape, x.dtype), Tensor(shape, "int32"))


class OneHot(Operation):
    """One-hot vectors of integers, along a new axis."""

    call_arguments: ClassVar[tuple[CallArgument, ...]] = (operand("x"),)
    common_fields: ClassVar[tuple[str, ...]] = ("trainable",)
    takes_dtype: ClassVar[bool] = True
    flops: ClassVar[int] = 0

    num_classes: PositiveInt
    axis: int = -1
    dtype: DType | None = None
    sparse: Literal[False] = False

    def infer_outputs(self, call: Call) -> tuple[Tensor, ...]:
        """The shape of ``x`` with a new axis of ``num_classes``."""
        x = call.x
        if not is_integer(x.dtype) and not is_floating(x.dtype):
            raise ShapeError(f"needs integers, got {x}")
        if self.axis != -1 and not 0 <= self.axis < x.rank:
            raise ShapeError(f"has no axis {self.axis} in {x}: it may be -1 or one of its axes", argument="axis")
        place = x.rank if self.axis == -1 else self.axis
        return (Tensor((*x.shape[:place], self.num_classes, *x.shape[place:]), self.dtype or "float32"),)
